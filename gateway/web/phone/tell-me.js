// "Tell me when it is free": the button of a machine's page, and what becomes of it.

import { cancel, mine, seen, subscribe } from "/web/phone/alerts.js";
import { hush, ring, unlock } from "/web/phone/ring.js";

const panel = document.getElementById("tell-me");
const text = panel.querySelector("p");
const button = panel.querySelector("button");
let act = () => {};

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    await act();
  } catch (error) {
    text.textContent = error.message || "The gym cannot be reached; try again.";
  } finally {
    button.disabled = false;
  }
});

export class TellMe {
  #machineId;
  #joined;
  #alert = null;
  #rung = null;
  #status = null;

  /** `joined` is called when this phone has become a member: its stream must know. */
  constructor(machineId, joined) {
    this.#machineId = machineId;
    this.#joined = joined;
  }

  /** The machine is in that status now. */
  async show(status) {
    const first = this.#status === null;
    this.#status = status;
    if (first) this.#alert = await mine(this.#machineId);
    this.#draw();
  }

  /** An alert of this member has rung: for this machine or for another one. */
  rung(message) {
    if (this.#rung?.firingId === message.firingId) return;
    this.#rung = message;
    if (message.machineId === this.#machineId) this.#alert = null;
    ring(`${message.name} is free`);
    this.#draw();
  }

  #draw() {
    panel.hidden = false;
    if (this.#rung) this.#offer(`${this.#rung.name} is free: go!`, "I have seen it", () => this.#confirm());
    else if (this.#alert) this.#offer(waiting(this.#alert), "Do not tell me", () => this.#cancel());
    else if (this.#status === "occupied" || this.#status === "unknown") {
      this.#offer("", "Tell me when it is free", () => this.#subscribe());
    } else panel.hidden = true;
  }

  #offer(words, label, next) {
    if (text.textContent !== words) text.textContent = words;
    button.textContent = label;
    act = next;
  }

  async #subscribe() {
    unlock();
    this.#alert = await subscribe(this.#machineId, this.#joined);
    this.#draw();
  }

  async #cancel() {
    await cancel(this.#alert.alertId);
    this.#alert = null;
    this.#draw();
  }

  async #confirm() {
    hush();
    const { alertId } = this.#rung;
    this.#rung = null;
    this.#draw();
    await seen(alertId);
  }
}

/** Its place, until when, and when it is silent: what a member may rely on. */
function waiting({ place, expiresAt, quietHours }) {
  const at = new Date(expiresAt * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const turn = place === 1 ? "You are next." : `You are number ${place} in the queue.`;
  const quiet = quietHours ? ` Silent from ${quietHours.start} to ${quietHours.end}.` : "";
  return `${turn} We ring here until ${at}: keep this page open.${quiet}`;
}
