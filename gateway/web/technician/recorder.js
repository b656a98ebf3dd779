// A phase of a calibration: a recording of the sensor, made here or earlier.

import { ask, doing } from "./ask.js";
import { moment, span } from "./when.js";
import { element, put } from "../shared/dom.js";
import { t } from "../shared/words.js";

const LOOK_EACH = 1000; // ms

/** The sensor's recordings, newest first. */
export const recordingsOf = async (sensorId) => (await ask("GET", `/sensors/${encodeURIComponent(sensorId)}/recordings`)).recordings;

export class Phase {
  #sensor = null;
  #part;
  #lengths;

  /** `field` is its fieldset, `lengths` the select with the seconds; `renewed(recordings)` hears of a new one. */
  constructor(field, lengths, renewed) {
    const name = t(`technician.${field.dataset.phase}`);
    this.#lengths = lengths;
    this.#part = {
      press: element("button", { type: "button", textContent: t("technician.record") }),
      bar: element("progress", { max: 1, value: 0, hidden: true }),
      left: element("span"),
      told: element("span", { className: "told" }),
      choice: element("select"),
    };
    const { press, bar, left, told, choice } = this.#part;
    told.setAttribute("role", "status");
    bar.setAttribute("aria-label", `${t("technician.recording")}: ${name}`);
    press.setAttribute("aria-label", `${t("technician.record")}: ${name}`);
    choice.setAttribute("aria-label", `${t("technician.recorded")}: ${name}`);
    press.addEventListener("click", () => doing(press, told, () => this.#record(renewed)));
    field.append(element("p", {}, press, " ", bar, " ", left, told), element("label", {}, `${t("technician.recorded")} `, choice));
    this.offer([]);
  }

  /** The id of the recording that is chosen, or null. */
  get recording() {
    return this.#part.choice.value || null;
  }

  show(sensorId) {
    this.#sensor = sensorId;
    this.#part.choice.replaceChildren();
    put(this.#part.told, "");
    put(this.#part.left, "");
    this.#part.bar.hidden = true;
  }

  /** The complete ones, to choose from; the choice stays. */
  offer(recordings) {
    const { choice } = this.#part;
    const kept = choice.value;
    const complete = recordings.filter((one) => one.complete && one.samples > 0);
    const named = complete.map((one) => element("option", { value: one.recordingId, textContent: t("technician.recorded_one", { time: moment(one.startedAt), span: span(one.seconds), samples: one.samples }) }));
    choice.replaceChildren(element("option", { value: "", textContent: t("technician.recorded_none") }), ...named);
    if (complete.some(({ recordingId }) => recordingId === kept)) choice.value = kept;
  }

  async #record(renewed) {
    const sensor = this.#sensor, path = `/sensors/${encodeURIComponent(sensor)}/recordings`;
    const { recordingId, seconds } = await ask("POST", path, { seconds: Number(this.#lengths.value) });
    const begun = performance.now();
    this.#part.bar.hidden = false;
    while (this.#sensor === sensor) {
      const past = (performance.now() - begun) / 1000;
      const recordings = await recordingsOf(sensor).catch(() => null); // a lost link: it goes on at the gateway
      const mine = recordings?.find((one) => one.recordingId === recordingId);
      if (recordings && (!mine || mine.complete)) return this.#end(mine, recordings, renewed);
      this.#part.bar.value = Math.min(1, past / seconds);
      put(this.#part.left, `${t("technician.left", { span: span(Math.max(0, Math.round(seconds - past))) })} · ${t("technician.samples", { count: mine?.samples ?? 0 })}`);
      await new Promise((done) => setTimeout(done, LOOK_EACH));
    }
  }

  #end(mine, recordings, renewed) {
    this.#part.bar.hidden = true;
    put(this.#part.left, "");
    put(this.#part.told, mine ? t(mine.dropped ? "technician.samples_lost" : "technician.samples", { count: mine.samples, dropped: mine.dropped }) : t("technician.recording_gone"));
    renewed(recordings);
    if (mine?.samples) this.#part.choice.value = mine.recordingId;
  }
}
