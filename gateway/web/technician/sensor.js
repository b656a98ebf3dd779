// One sensor: what it says now, how that looks over time, and what is known of it.

import { Judge } from "./judge.js";
import { Plot } from "./plot.js";
import { Ring } from "./ring.js";
import { SampleStream } from "./samples.js";
import { filled } from "./table.js";
import { SIGNS as MARKS, named, troubles, word } from "./troubles.js";
import { ago, moment, now, number, span, time } from "./when.js";
import { element, put } from "../shared/dom.js";
import { percent, statusOf, t } from "../shared/words.js";

const MOST = 6000; // samples: ten minutes of a radar at 10 Hz
const SPANS = [60, 300, 600]; // seconds that are drawn
const DRAW_EACH = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2000 : 250; // ms
const QUIET = 15; // seconds without a sample, then it is told
const NUMBERS = 20; // samples as text
const SIGNS = { true: "●", false: "○", null: "?" };
const SCORE = " score", STRENGTH = " strength", SAID = " said"; // no level is called so: names have no blanks

/** Draws the sensor of `section`; `show` with null ends it. */
export class Live {
  #page;
  #plot;
  #ring = new Ring(MOST);
  #stream = null;
  #calibration = null;
  #fresh = null; // thresholds that are not applied yet
  #judge = new Judge(null);
  #down = false;
  #names = "";

  constructor(section) {
    const find = (name) => section.querySelector(`#live ${name}`);
    this.#page = { sign: find(".sign"), word: find(".said b"), value: find(".value"), link: find(".link"), series: find(".series"), span: find(".span"), plot: find(".plot"), legend: find(".legend"), more: find("details"), numbers: find(".numbers") };
    this.#page.span.append(...SPANS.map((seconds) => element("option", { value: seconds, textContent: span(seconds) })));
    this.#plot = new Plot(this.#page.plot);
    this.#page.series.addEventListener("change", () => this.#draw());
    this.#page.span.addEventListener("change", () => this.#draw());
    setInterval(() => this.#stream && !document.hidden && this.#draw(), DRAW_EACH);
  }

  /** Of that sensor, from now on; null: of none. */
  show(sensorId) {
    this.#stream?.close();
    this.#stream = null;
    this.#ring = new Ring(MOST);
    this.#names = "";
    this.#down = false;
    this.#page.series.replaceChildren();
    this.#page.numbers.replaceChildren();
    this.judgeBy(null);
    this.#drawNothing();
    if (sensorId === null) return;
    this.#stream = new SampleStream(sensorId, {
      sample: (sample) => this.#add(sample),
      up: () => { this.#down = false; },
      down: () => { this.#down = true; },
    });
  }

  /** By what counts now; what was heard before is judged anew. */
  judgeBy(calibration) {
    this.#calibration = calibration;
    this.#judge = new Judge(calibration);
    this.#ring.forEach((sample) => Object.assign(sample, { verdict: this.#judge.judge(sample) }));
    this.#names = "";
  }

  /** Thresholds that were found and are not applied; null: none. */
  offer(calibration) {
    this.#fresh = calibration;
    const names = Object.keys(calibration?.limits ?? {});
    if (names.length && !names.includes(this.#page.series.value)) this.#page.series.value = names[0];
  }

  #add(sample) {
    this.#ring.add({ ...sample, verdict: this.#judge.judge(sample) });
  }

  #draw() {
    const { last } = this.#ring;
    this.#tellLink(last);
    if (!last) return this.#drawNothing();
    this.#offerSeries(last);
    const { active } = last.verdict;
    const chosen = this.#page.series.value;
    const value = valueOf(last, chosen);
    put(this.#page.sign, SIGNS[active]);
    put(this.#page.word, saying(active));
    put(this.#page.value, value === null ? "" : `${titleOf(chosen)}: ${number(value)}`);
    this.#drawPlot(chosen, value);
    if (this.#page.more.open) this.#showNumbers();
  }

  #drawNothing() {
    put(this.#page.sign, "?");
    put(this.#page.word, t("technician.waiting"));
    put(this.#page.value, "");
    this.#plot.show([], [], [], [], [now() - SPANS[0], now()]);
    this.#page.legend.replaceChildren();
  }

  #tellLink(last) {
    const silent = last && now() - last.at > QUIET;
    const text = this.#down ? t("technician.no_data", { time: last ? moment(last.at) : moment(now()) }) : silent ? t("technician.quiet_since", { time: moment(last.at) }) : "";
    if (!this.#down || !this.#page.link.textContent) put(this.#page.link, text);
  }

  #drawPlot(chosen, value) {
    const until = now();
    const begin = until - Number(this.#page.span.value);
    const samples = this.#samples(chosen, begin, until);
    const lines = this.#lines(chosen);
    const column = (work) => samples.map(work);
    this.#plot.show(column(({ at }) => at), column((sample) => valueOf(sample, chosen)), column(({ verdict }) => verdict.active), lines, [begin, until], chosen === SAID);
    this.#page.plot.setAttribute("aria-label", t("technician.plot", { name: titleOf(chosen), value: value === null ? t("technician.none") : number(value) }));
    this.#showLegend(lines);
  }

  /** A word holds until the next one. */
  #samples(chosen, begin, until) {
    const samples = this.#ring.since(begin);
    return chosen === SAID && !this.#down ? [...samples, { ...samples.at(-1), at: until }] : samples;
  }

  /** `[kind, value]` of what counts now and of what is offered, for that series. */
  #lines(chosen) {
    if (chosen === SCORE) return [["limit", 1], ["release", this.#calibration.release]];
    const known = this.#calibration?.limits[chosen], fresh = this.#fresh?.limits[chosen];
    return [...(known ? [["limit", known.limit], ["floor", known.floor]] : []), ...(fresh ? [["fresh", fresh.limit]] : [])];
  }

  #showLegend(lines) {
    const wanted = [["level", null], ...lines, ["active", null]];
    const key = wanted.map(([kind, value]) => `${kind} ${value}`).join();
    if (this.#page.legend.dataset.key === key) return;
    this.#page.legend.dataset.key = key;
    this.#page.legend.replaceChildren(...wanted.map(([kind, value]) => {
      const mark = element("span", { className: `mark ${kind}` });
      mark.setAttribute("aria-hidden", "true");
      return element("li", {}, mark, ` ${t(`technician.legend_${kind === "fresh" ? "new" : kind}`)}${value === null ? "" : ` ${number(value)}`}`);
    }));
  }

  #offerSeries({ levels, strength }) {
    const names = [...(this.#calibration ? [SCORE] : []), ...Object.keys(levels), ...(strength === null ? [] : [STRENGTH])];
    if (names.length === 0) names.push(SAID);
    if (names.join() === this.#names) return;
    const kept = this.#page.series.value;
    this.#names = names.join();
    this.#page.series.replaceChildren(...names.map((name) => element("option", { value: name, textContent: titleOf(name) })));
    if (names.includes(kept)) this.#page.series.value = kept;
  }

  #showNumbers() {
    const labels = ["time", "said", "levels"].map((name) => t(`technician.${name}`));
    const rows = this.#ring.newest(NUMBERS).map(({ at, levels, verdict }) => [
      time(at), saying(verdict.active), Object.entries(levels).map(([name, value]) => `${name} ${number(value)}`).join(", "),
    ]);
    this.#page.numbers.replaceChildren(filled(t("technician.numbers"), labels, rows));
  }
}

/** What is known of it, beside what it says. */
export function about(list, row, machine) {
  const facts = {
    state: `${MARKS[troubles(row)[0]]} ${[named(troubles(row)[0]), ...troubles(row)[1]].join(" · ")}`,
    machine: machine,
    status: `${statusOf(row.status)} · ${word(row.cause)}`,
    driver: row.driver,
    source: row.source,
    speaks: t(row.repeats ? "technician.repeats" : "technician.on_change"),
    heard: row.lastHeard === null ? t("technician.never") : ago(row.lastHeard),
    dropped: Object.entries(row.dropped).map(([why, count]) => `${why.replaceAll("_", " ")} ${number(count)}`).join(", ") || t("technician.none"),
    battery: row.battery === null ? "–" : percent(row.battery / 100),
    signal: row.signal === null ? "–" : number(row.signal),
    clock_offset: row.clockOffset === null ? "–" : span(Math.abs(row.clockOffset)),
    patience: t("technician.patience_of", { busy: span(row.busyAfter), free: span(row.freeAfter), stale: span(row.staleAfter) }),
    calibration: row.calibrationVersion === null ? t("technician.own_word") : t("technician.version", { version: row.calibrationVersion }),
  };
  if (list.children.length === 0) for (const name of Object.keys(facts)) list.append(element("div", {}, element("dt", { textContent: t(`technician.${name}`) }), element("dd", { dir: "auto" })));
  Object.values(facts).forEach((text, place) => put(list.children[place].lastChild, text));
}

const saying = (active) => t(`technician.${active === null ? "says_nothing" : active ? "active" : "inactive"}`);
const titleOf = (name) => ({ [SCORE]: t("technician.score"), [STRENGTH]: t("technician.strength"), [SAID]: t("technician.active") })[name] ?? name;

function valueOf({ levels, strength, verdict }, name) {
  if (name === SAID) return verdict.active === null ? null : Number(verdict.active);
  return (name === SCORE ? verdict.score : name === STRENGTH ? strength : levels[name]) ?? null;
}
