// "Tell me when it is free": the button of a machine's page, and what becomes of it.

import { cancel, keepQuiet, newest, seen, subscribe, wasSignedOut } from "./alerts.js";
import { age, doing } from "./page.js";
import { hasNtfy, isPushed, subscribeToPush, topicLinks, way, whyOnly } from "./push.js";
import { chosen, offer, quietFor } from "./quiet.js";
import { hush, isMute, onHushed, ring, toldOf, unlock, unlockAtNextTap } from "./ring.js";
import { put } from "../shared/dom.js";
import { t } from "../shared/words.js";

const panel = document.getElementById("tell-me");
const text = panel.querySelector("p");
const button = panel.querySelector("button");
const quiet = document.getElementById("quiet");
const locked = document.getElementById("locked");
const [why, ringLocked] = locked.children;
let act = () => {};

button.addEventListener("click", () => doing(button, text, () => act()));

export class TellMe {
  #machineId;
  #joined;
  #statusOf;
  #alert = null;
  #rung = new Map(); // firing id → message, until it was seen
  #status = null;
  #unseen = false; // it is free, and nobody saw it become so: that rings nobody

  /** `joined` is called when this phone has become a member: its stream must know; `statusOf(machineId)` is now. */
  constructor(machineId, joined, statusOf) {
    this.#machineId = machineId;
    this.#joined = joined;
    this.#statusOf = statusOf;
    ringLocked.addEventListener("click", () => doing(ringLocked, text, () => this.#ringLocked()));
    onHushed((firingId) => this.#over(firingId));
  }

  /** The machine is in that status now; told of every event of the branch, it draws when something is new to it. */
  show(status) {
    const before = this.#status;
    if (before === status && this.#rung.size === 0) return;
    this.#status = status;
    if (before !== status) this.#unseen = before === "unknown" && status === "free";
    this.#draw();
  }

  /** Asks anew: at each snapshot, for other tabs and the gateway change it too. Unanswered, it stays as it was. */
  async look() {
    const waited = this.#alert;
    try {
      const found = await newest(this.#machineId);
      this.#alert = found?.status === "armed" ? found : null;
      this.#unseen ||= this.#status === "free" && Boolean(found?.suppressed.not_proven);
      if (waited && !this.#alert) put(text, found?.status === "expired" || found?.status === "ended" ? t("alert.over") : "");
    } catch { return; }
    if (this.#alert) unlockAtNextTap(() => this.#draw());
    if (wasSignedOut()) put(text, t("alert.signed_out"));
    this.#draw();
  }

  /** Its place moves and its time runs out while nothing happens to the machine. */
  async renew() {
    if (this.#alert && !document.hidden) await this.look();
  }

  /** An alert of this member has rung: for this machine or for another one. */
  rung(message) {
    if (this.#rung.has(message.firingId)) return;
    this.#rung.set(message.firingId, message);
    if (message.machineId === this.#machineId) this.#alert = null;
    ring(message.firingId, message.name);
    this.#draw();
  }

  #draw() {
    const [rung] = this.#rung.values();
    const offered = this.#status === "occupied" || this.#status === "unknown";
    button.hidden = !(rung || this.#alert || offered);
    if (rung || !this.#alert) locked.hidden = quiet.hidden = true;
    if (rung) this.#offer(toldOf(rung, this.#statusOf(rung.machineId)), "alert.seen", () => this.#confirm(rung));
    else if (this.#alert) this.#wait();
    else if (offered) this.#offer(null, "alert.tell_me", () => this.#subscribe());
    panel.hidden = button.hidden && !text.textContent;
  }

  async #wait() {
    const unseen = this.#unseen && this.#status === "free";
    this.#offer(unseen ? t("machine.unseen") : waiting(this.#alert), "alert.do_not", () => this.#cancel());
    offer(quiet.querySelector("select"), this.#alert.quietHours, (hours) => this.#keepQuiet(hours));
    quiet.hidden = false;
    const by = await way().catch(() => null);
    locked.hidden = !this.#alert || this.#rung.size > 0 || isPushed();
    put(why, whyOnly(by));
    ringLocked.hidden = !by;
  }

  /** `words`: null leaves what was said last, such as why something was refused. */
  #offer(words, label, next) {
    if (words !== null) put(text, words);
    put(button, t(label));
    button.classList.toggle("quiet", label === "alert.do_not"); // what is done already calls no more
    act = next;
  }

  async #subscribe() {
    unlock();
    this.#alert = await subscribe({ machineId: this.#machineId, ...chosen() }, this.#joined);
    this.#draw();
  }

  async #cancel() {
    await cancel(this.#alert.alertId);
    this.#alert = null;
    put(text, "");
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
    if (by === "ntfy" || (refused && (await hasNtfy()))) ringLocked.replaceWith(...(await topicLinks()));
    else if (refused) throw refused;
    this.#draw();
  }

  async #confirm({ alertId, firingId }) {
    hush(firingId);
    this.#over(firingId);
    await seen(alertId);
  }

  #over(firingId) {
    if (this.#rung.delete(firingId)) put(text, "");
    this.#draw();
  }
}

/** Its place, until when, and when it is silent: what a member may rely on. */
function waiting({ place, expiresAt, quietHours }) {
  const turn = place === 1 ? t("alert.first") : t("alert.place", { place });
  const time = age.at(expiresAt);
  const silence = quietFor(quietHours, age.now);
  if (silence && age.now + silence >= expiresAt) return `${turn} ${t("alert.quiet_through", { ...quietHours, time })}`;
  const rings = t(isPushed() ? "alert.pushed" : "alert.open", { time });
  const silent = quietHours ? t(silence ? "alert.quiet_now" : "alert.silent", quietHours) : "";
  return [turn, rings, silent, isMute() ? t("alert.sound") : ""].join(" ").trim();
}
