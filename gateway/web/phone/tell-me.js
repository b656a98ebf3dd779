// "Tell me when it is free": the button of a machine's page, and what becomes of it.

import { cancel, keepQuiet, mine, seen, subscribe, wasSignedOut } from "./alerts.js";
import { doing } from "./page.js";
import { hasNtfy, isPushed, subscribeToPush, topicLinks, way } from "./push.js";
import { chosen, offer } from "./quiet.js";
import { hush, onHushed, ring, unlock, unlockAtNextTap } from "./ring.js";
import { put } from "../shared/dom.js";
import { clock, t } from "../shared/words.js";

const panel = document.getElementById("tell-me");
const text = panel.querySelector("p");
const button = panel.querySelector("button");
const quiet = document.getElementById("quiet");
const locked = document.getElementById("locked");
let act = () => {};

button.addEventListener("click", () => doing(button, text, () => act()));

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
    const ringLocked = locked.querySelector("button");
    ringLocked.addEventListener("click", () => doing(ringLocked, text, () => this.#ringLocked()));
    onHushed((firingId) => this.#rung?.firingId === firingId && this.#over());
  }

  /** The machine is in that status now. */
  async show(status) {
    const first = this.#status === null;
    this.#status = status;
    if (first) await this.#find();
    this.#draw();
  }

  /** An alert of this member has rung: for this machine or for another one. */
  rung(message) {
    if (this.#rung?.firingId === message.firingId) return;
    this.#rung = message;
    if (message.machineId === this.#machineId) this.#alert = null;
    ring(message.firingId, message.name);
    this.#draw();
  }

  async #find() {
    this.#alert = await mine(this.#machineId);
    if (this.#alert) unlockAtNextTap();
    if (wasSignedOut()) put(text, t("alert.signed_out"));
  }

  #draw() {
    panel.hidden = false;
    if (!this.#alert) locked.hidden = quiet.hidden = true;
    if (this.#rung) this.#offer(t("alert.go", { name: this.#rung.name }), "alert.seen", () => this.#confirm());
    else if (this.#alert) this.#wait();
    else if (this.#status === "occupied" || this.#status === "unknown") {
      this.#offer(null, "alert.tell_me", () => this.#subscribe());
    } else panel.hidden = true;
  }

  async #wait() {
    this.#offer(waiting(this.#alert), "alert.do_not", () => this.#cancel());
    offer(quiet.querySelector("select"), this.#alert.quietHours, (hours) => this.#keepQuiet(hours));
    quiet.hidden = false;
    const by = await way().catch(() => null);
    locked.hidden = !this.#alert || isPushed();
    if (!by && !locked.hidden) locked.replaceChildren(t("alert.only_open"));
  }

  /** `words`: null leaves what was said last, such as why something was refused. */
  #offer(words, label, next) {
    if (words !== null) put(text, words);
    put(button, t(label));
    act = next;
  }

  async #subscribe() {
    unlock();
    this.#alert = await subscribe({ machineId: this.#machineId, ...chosen() }, this.#joined);
    this.#draw();
  }

  async #cancel() {
    await cancel(this.#alert.alertId);
    put(text, "");
    this.#alert = null;
    this.#draw();
  }

  async #keepQuiet(hours) {
    const select = quiet.querySelector("select");
    await doing(select, text, async () => (this.#alert = await keepQuiet(this.#alert.alertId, hours)));
    this.#draw();
  }

  /** Where the browser refuses to be pushed to, the branch's ntfy server may still reach the phone. */
  async #ringLocked() {
    const by = await way();
    const refused = by === "push" ? await subscribeToPush().catch((error) => error) : null;
    if (by === "ntfy" || (refused && (await hasNtfy()))) locked.replaceChildren(...(await topicLinks()));
    else if (refused) throw refused;
    this.#draw();
  }

  async #confirm() {
    const { alertId, firingId } = this.#rung;
    hush(firingId);
    this.#over();
    await seen(alertId);
  }

  #over() {
    put(text, "");
    this.#rung = null;
    this.#draw();
  }
}

/** Its place, until when, and when it is silent: what a member may rely on. */
function waiting({ place, expiresAt, quietHours }) {
  const turn = place === 1 ? t("alert.first") : t("alert.place", { place });
  const rings = t(isPushed() ? "alert.pushed" : "alert.open", { time: clock(expiresAt) });
  return [turn, rings, quietHours ? t("alert.silent", quietHours) : ""].join(" ").trim();
}
