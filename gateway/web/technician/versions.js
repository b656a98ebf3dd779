// Every version of a sensor's calibration: who made it, when and why; any of them may count again.

import { ask, doing } from "./ask.js";
import { moment, number } from "./when.js";
import { element, put } from "../shared/dom.js";
import { t } from "../shared/words.js";

const SHOWN = 3; // limits of a version: a radar has eighteen

export class Versions {
  #sensor = null;
  #part;
  #told;

  /** `told` has `counts(calibration)`, null where the sensor's own word does, and `changed()`. */
  constructor(section, told) {
    const find = (name) => section.querySelector(`#versions ${name}`);
    this.#told = told;
    this.#part = { told: find(".told"), list: find("ol"), none: find(".none"), reset: find(".reset") };
    const { reset, told: where } = this.#part;
    reset.addEventListener("click", () => doing(reset, where, () => this.#reset()));
  }

  async show(sensorId) {
    this.#sensor = sensorId;
    put(this.#part.told, "");
    this.#part.list.replaceChildren();
    if (sensorId !== null) await this.look();
  }

  /** As they are now. */
  async look() {
    const sensor = this.#sensor;
    const { versions } = await ask("GET", this.#path("s"));
    if (this.#sensor !== sensor) return;
    this.#part.list.replaceChildren(...versions.map((one, place) => this.#item(one, place === 0)));
    this.#part.none.hidden = versions.length > 0;
    this.#part.reset.hidden = !versions[0]?.calibration;
    this.#told.counts(versions[0]?.calibration ?? null);
  }

  #item({ version, at, who, why, calibration }, isNewest) {
    const name = element("b", { textContent: t("technician.version", { version }) });
    const mark = element("span", { className: "counts", textContent: isNewest ? ` ✓ ${t("technician.counts_now")}` : "" });
    const what = element("p", { className: "hint", dir: "auto", textContent: [moment(at), who, why].filter(Boolean).join(" · ") });
    const press = element("button", { type: "button", className: "quiet", textContent: t("technician.restore"), hidden: isNewest });
    press.setAttribute("aria-label", t("technician.restore_one", { version }));
    press.addEventListener("click", () => doing(press, this.#part.told, () => this.#restore(version)));
    return element("li", {}, name, mark, what, element("p", { textContent: inShort(calibration) }), press);
  }

  async #restore(version) {
    await this.#done(await ask("POST", this.#path(`s/${version}/restore`)));
  }

  async #reset() {
    await this.#done(await ask("PUT", this.#path(""), { limits: null, why: "reset" }));
  }

  async #done({ version }) {
    await this.look();
    this.#told.changed();
    put(this.#part.told, t("technician.applied", { version }));
    this.#part.told.closest(".card").querySelector("button:not([hidden])")?.focus();
  }

  #path(rest) {
    return `/sensors/${encodeURIComponent(this.#sensor)}/calibration${rest}`;
  }
}

function inShort(calibration) {
  if (calibration === null) return t("technician.own_word");
  const limits = Object.entries(calibration.limits);
  return limits.slice(0, SHOWN).map(([name, { limit }]) => `${name} ${number(limit)}`).join(", ") + (limits.length > SHOWN ? ", …" : "");
}
