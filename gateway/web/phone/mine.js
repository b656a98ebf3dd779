// What this phone waits for: listed on the first page, each to be taken back, and rung here too.

import { armed, cancel, seen, subscribe, wasSignedOut } from "./alerts.js";
import { age, doing } from "./page.js";
import { chosen } from "./quiet.js";
import { hush, isMute, onHushed, ring, toldOf, unlock, unlockAtNextTap } from "./ring.js";
import { element, put } from "../shared/dom.js";
import { t } from "../shared/words.js";

const section = document.getElementById("mine");
const rows = section.querySelector("ul");
const told = section.querySelector("[role=status]");

export class Mine {
  #alerts = [];
  #rung = new Map(); // firing id → message
  #unseen = new Set(); // machines that are free, and nobody saw them become so: that rings nobody
  #said = ""; // above the list, until something is set
  #nameOf;
  #statusOf;
  #joined;

  /** `nameOf(alert)` is what it waits for, `statusOf(machineId)` is now; `joined` is called when this phone has become a member. */
  constructor(nameOf, statusOf, joined) {
    this.#nameOf = nameOf;
    this.#statusOf = statusOf;
    this.#joined = joined;
    onHushed((firingId) => this.#over(firingId));
  }

  /** Asks anew: at each snapshot, for other tabs and the gateway change it too. Unanswered, it stays as it was. */
  async look() {
    try {
      this.#alerts = await armed();
    } catch { return; }
    if (wasSignedOut()) this.#said = t("alert.signed_out");
    if (this.#alerts.length) unlockAtNextTap(() => this.draw());
    for (const { machineId, suppressed } of this.#alerts) if (suppressed.not_proven) this.#unseen.add(machineId);
    this.draw();
  }

  /** Places move and time runs out while nothing happens to a machine. */
  async renew() {
    if (this.#alerts.length && !document.hidden) await this.look();
  }

  /** A machine has changed from that status to another. */
  changed(machineId, before, now) {
    if (before === now) return;
    if (before === "unknown" && now === "free") this.#unseen.add(machineId);
    else this.#unseen.delete(machineId);
    if ([...this.#rung.values(), ...this.#alerts].some((one) => one.machineId === machineId)) this.draw();
  }

  /** One of this member's alerts has rung. */
  rung(message) {
    this.#rung.set(message.firingId, message);
    ring(message.firingId, message.name);
    this.look();
  }

  waitsFor(category) {
    return this.#alerts.some((one) => one.category === category && !one.machineId);
  }

  /** Any machine of the category that becomes free. */
  async waitFor(category) {
    unlock().then(() => this.draw());
    await subscribe({ category, ...chosen() }, this.#joined);
    this.#said = "";
    await this.look();
  }

  draw() {
    put(told, this.#said || (this.#alerts.length && isMute() ? t("alert.sound") : ""));
    const items = [...[...this.#rung.values()].map((one) => this.#rang(one)), ...this.#alerts.map((one) => this.#waiting(one))];
    if (items.map((one) => one.outerHTML).join("") !== rows.innerHTML) rows.replaceChildren(...items); // else what has the focus keeps it
    section.hidden = !rows.firstChild && !told.textContent;
  }

  #rang(message) {
    const { firingId, alertId, machineId } = message;
    const go = element("a", { className: "name", href: `/m/${machineId}`, textContent: toldOf(message, this.#statusOf(machineId)) });
    return this.#row("🔔", go, "", t("alert.seen"), async () => {
      hush(firingId);
      this.#over(firingId);
      await seen(alertId);
    });
  }

  #waiting(alert) {
    const { machineId, alertId, place, expiresAt } = alert;
    const name = this.#nameOf(alert);
    const what = machineId
      ? element("a", { className: "name", href: `/m/${machineId}`, textContent: name, dir: "auto" })
      : element("span", { className: "name", textContent: t("alert.any", { category: name }) });
    const turn = place === 1 ? t("alert.first") : t("alert.place", { place });
    const unseen = this.#unseen.has(machineId) && this.#statusOf(machineId) === "free";
    const state = unseen ? t("machine.unseen") : `${turn} ${t("phone.until", { time: age.at(expiresAt) })}`;
    return this.#row("⏳", what, state, t("alert.do_not"), async () => {
      await cancel(alertId);
      await this.look();
    });
  }

  #row(sign, what, state, label, act) {
    const told = element("span", { className: "state", textContent: state });
    told.setAttribute("role", "status");
    const button = element("button", { type: "button", className: "quiet", textContent: label });
    button.addEventListener("click", () => doing(button, told, act));
    return element("li", {}, element("span", { className: "sign", textContent: sign, ariaHidden: "true" }), what, told, button);
  }

  #over(firingId) {
    this.#rung.delete(firingId);
    this.draw();
  }
}
