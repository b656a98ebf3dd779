// "Tell me when it is free": the button of a machine's page, and what becomes of it.

import { cancel, hasNtfy, mine, ntfy, seen, subscribe } from "/web/phone/alerts.js";
import { hush, ring, unlock } from "/web/phone/ring.js";

const panel = document.getElementById("tell-me");
const text = panel.querySelector("p");
const button = panel.querySelector("button");
const locked = document.getElementById("locked");
let act = () => {};

button.addEventListener("click", () => doing(button, () => act()));
locked.querySelector("button").addEventListener("click", (event) => doing(event.target, showTopic));

/** One at a time; what went wrong is told where the button is. */
async function doing(pressed, work) {
  pressed.disabled = true;
  try {
    await work();
  } catch (error) {
    text.textContent = error.message || "The gym cannot be reached; try again.";
  } finally {
    pressed.disabled = false;
  }
}

/** One tap more: the app's own link, and the topic's page for who has no app yet. */
async function showTopic() {
  const { url, link } = await ntfy();
  const app = Object.assign(document.createElement("a"), { href: link, textContent: "Open the ntfy app" });
  const page = Object.assign(document.createElement("a"), { href: url, textContent: "get it, or subscribe in the browser", rel: "noreferrer" });
  locked.replaceChildren(app, " · ", page);
}

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
    if (!this.#alert) locked.hidden = true;
    if (this.#rung) this.#offer(`${this.#rung.name} is free: go!`, "I have seen it", () => this.#confirm());
    else if (this.#alert) this.#wait();
    else if (this.#status === "occupied" || this.#status === "unknown") {
      this.#offer("", "Tell me when it is free", () => this.#subscribe());
    } else panel.hidden = true;
  }

  async #wait() {
    this.#offer(waiting(this.#alert), "Do not tell me", () => this.#cancel());
    locked.hidden = !(await hasNtfy().catch(() => false)) || !this.#alert;
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
