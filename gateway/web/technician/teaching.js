// Calibration at the machine: record empty, record in use, find thresholds, look, apply.

import { Refused, ask, doing } from "./ask.js";
import { foreseen } from "./foreseen.js";
import { Phase, recordingsOf } from "./recorder.js";
import { filled } from "./table.js";
import { number, span } from "./when.js";
import { element, put } from "../shared/dom.js";
import { percent, t } from "../shared/words.js";

const LENGTHS = [10, 30, 60, 120, 300]; // seconds of a phase
const USUAL = 60;
const LOOK_EACH = 3000; // ms between two looks at recordings that are not complete

export class Teaching {
  #sensor = null;
  #seen = 0; // the version that was there when thresholds were looked for
  #found = null;
  #part;
  #phases;
  #told;

  /** `told` has `found(calibration)`, null when it is not offered any more, and `applied()`. */
  constructor(section, told) {
    const find = (name) => section.querySelector(`#teach ${name}`);
    this.#told = told;
    this.#part = { steps: find(".steps"), none: find(".no-levels"), fit: find(".fit"), told: find(".find .told"), found: find(".found"), limits: find(".limits"), foreseen: find(".foreseen"), why: find(".why"), apply: find(".apply") };
    const lengths = find(".seconds");
    lengths.append(...LENGTHS.map((one) => element("option", { value: one, textContent: span(one), selected: one === USUAL })));
    const renewed = (recordings) => Object.values(this.#phases).forEach((phase) => phase.offer(recordings));
    this.#phases = Object.fromEntries(["empty", "busy"].map((name) => [name, new Phase(find(`[data-phase="${name}"]`), lengths, renewed)]));
    const { fit, apply, told: where } = this.#part;
    fit.addEventListener("click", () => doing(fit, where, () => this.#fit()));
    apply.addEventListener("click", () => doing(apply, where, () => this.#apply()));
  }

  /** Of that sensor; null: of none. */
  show(sensorId) {
    this.#sensor = sensorId;
    this.#forget();
    put(this.#part.told, "");
    this.#part.why.value = "";
    Object.values(this.#phases).forEach((phase) => phase.show(sensorId));
    if (sensorId !== null) this.#offer(sensorId);
  }

  /** What can be chosen; what is recorded still, here before or by a colleague, once it is complete. */
  async #offer(sensorId) {
    const recordings = await recordingsOf(sensorId).catch(() => null);
    if (this.#sensor !== sensorId) return;
    if (recordings) Object.values(this.#phases).forEach((phase) => phase.offer(recordings));
    if (!recordings || recordings.some(({ complete }) => !complete)) setTimeout(() => this.#sensor === sensorId && this.#offer(sensorId), LOOK_EACH);
  }

  /** Whether there is anything to teach: of one that says nothing but its word there is not. */
  know({ active, levels, calibrationVersion }) {
    const { steps, none } = this.#part;
    steps.hidden = active !== null && calibrationVersion === null && Object.keys(levels).length === 0;
    none.hidden = !steps.hidden;
  }

  async #fit() {
    this.#forget();
    const sensor = this.#sensor, { empty, busy } = this.#phases;
    if (!empty.recording) throw new Refused(0, { detail: t("technician.empty_first") });
    this.#seen = (await ask("GET", this.#path(""))).calibrationVersion ?? 0;
    const found = await ask("POST", this.#path("/calibration/fit"), { empty: empty.recording, busy: busy.recording });
    const preview = await ask("POST", this.#path("/calibration/preview"), found.calibration);
    if (this.#sensor !== sensor) return;
    this.#found = found;
    this.#part.limits.replaceChildren(...described(found));
    this.#part.foreseen.replaceChildren(...foreseen(preview));
    this.#part.found.hidden = false;
    this.#told.found(found.calibration);
  }

  async #apply() {
    const { calibration, statistics } = this.#found;
    const body = { ...calibration, statistics, why: this.#part.why.value, basedOn: this.#seen };
    const { version } = await ask("PUT", this.#path("/calibration"), body);
    this.#forget();
    put(this.#part.told, t("technician.applied", { version }));
    this.#part.fit.focus(); // the button that was pressed is gone
    this.#told.applied();
  }

  #forget() {
    this.#found = null;
    this.#part.found.hidden = true;
    this.#told.found(null);
  }

  #path(rest) {
    return `/sensors/${encodeURIComponent(this.#sensor)}${rest}`;
  }
}

/** Elements that say what was found, and how well it tells the two apart. */
function described({ calibration, statistics }) {
  const { limits, votes, hold } = calibration;
  const { empty, busy, separation, overlap, confidence } = statistics;
  const names = Object.keys(limits);
  const labels = ["level", "floor", "limit"].map((name) => t(`technician.${name}`));
  const table = filled(t("technician.found"), labels, names.map((name) => [name, number(limits[name].floor), number(limits[name].limit)]));
  const lines = [
    separation === null ? t("technician.empty_only") : t("technician.separation", { value: separation, wrong: percent(overlap) }),
    `${t("technician.confidence")}: ${t(`technician.${confidence}`)} (${t("technician.counts", { empty, busy })})`,
    names.length > 1 ? t("technician.votes", { votes, levels: names.length }) : "",
    hold ? t("technician.hold", { span: span(hold) }) : "",
  ];
  return [table, ...lines.filter(Boolean).map((text) => element("p", { textContent: text }))];
}
