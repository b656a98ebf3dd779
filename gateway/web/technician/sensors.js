// Every sensor in a table, those with a problem first.

import { line, plain, table } from "./table.js";
import { PROBLEM, SIGNS, code, droppedOf, named, troubles } from "./troubles.js";
import { ago, number } from "./when.js";
import { element, put } from "../shared/dom.js";
import { percent, t } from "../shared/words.js";

const COLUMNS = ["sensor", "state", "machine", "driver", "source", "heard", "dropped", "findings", "battery", "signal"];
const LABELS = COLUMNS.map((name) => t(`technician.${name}`));

export class Sensors {
  #rows = new Map(); // sensor id → Row
  #nameOf;
  #page;
  #body;

  /** `nameOf` tells a machine's name. */
  constructor(section, nameOf) {
    const { all, body } = table(t("technician.sensors"), LABELS);
    this.#nameOf = nameOf;
    this.#body = body;
    this.#page = { count: section.querySelector(".counted"), search: section.querySelector("input"), nothing: section.querySelector(".nothing") };
    section.querySelector(".rows").append(all);
    this.#page.search.addEventListener("input", () => this.#find());
  }

  show(sensors) {
    const known = new Set(sensors.map(({ sensorId }) => sensorId));
    for (const id of [...this.#rows.keys()]) if (!known.has(id)) this.#rows.delete(id);
    for (const sensor of sensors) {
      if (!this.#rows.has(sensor.sensorId)) this.#rows.set(sensor.sensorId, new Row(sensor.sensorId));
      this.#rows.get(sensor.sensorId).show(sensor, this.#nameOf(sensor.machineId));
    }
    const problems = [...this.#rows.values()].filter(({ rank }) => rank === PROBLEM).length;
    put(this.#page.count, t("technician.counted", { all: sensors.length, problems }));
    this.#arrange(sensors.map(({ sensorId }) => this.#rows.get(sensorId)));
    this.#find();
  }

  renew() {
    for (const row of this.#rows.values()) row.renew();
  }

  /** In the gateway's order within a rank; nothing moves that stands right, and focus stays. */
  #arrange(rows) {
    const wanted = [...rows].sort((one, other) => one.rank - other.rank).map(({ all }) => all);
    if (wanted.length === this.#body.children.length && wanted.every((all, place) => this.#body.children[place] === all)) return;
    const focused = document.activeElement;
    this.#body.replaceChildren(...wanted);
    if (focused !== document.activeElement && this.#body.contains(focused)) focused.focus();
  }

  #find() {
    const wanted = plain(this.#page.search.value);
    const rows = [...this.#rows.values()];
    for (const row of rows) row.all.hidden = !row.text.includes(wanted);
    this.#page.nothing.hidden = rows.length === 0 || rows.some(({ all }) => !all.hidden);
  }
}

class Row {
  constructor(id) {
    const { all, cells } = line(LABELS);
    this.all = all;
    this.cells = Object.fromEntries(COLUMNS.map((name, place) => [name, cells[place]]));
    this.sign = element("span", { className: "sign" });
    this.sign.setAttribute("aria-hidden", "true");
    this.word = element("span");
    this.cells.state.append(this.sign, " ", this.word);
    this.cells.sensor.append(element("a", { href: `#sensor/${encodeURIComponent(id)}`, textContent: id }));
    all.dataset.sensor = id;
  }

  show(sensor, machine) {
    const [rank, texts] = troubles(sensor);
    const { cells } = this;
    this.rank = rank;
    this.heard = sensor.lastHeard;
    this.all.dataset.rank = code(rank);
    put(this.sign, SIGNS[rank]);
    put(this.word, named(rank));
    put(cells.machine, machine);
    put(cells.driver, sensor.driver);
    put(cells.source, sensor.source);
    this.#may("dropped", droppedOf(sensor.dropped) ? number(droppedOf(sensor.dropped)) : null);
    this.#may("findings", texts.join(", ") || null);
    this.#may("battery", sensor.battery === null ? null : percent(sensor.battery / 100));
    this.#may("signal", sensor.signal === null ? null : number(sensor.signal));
    this.text = plain([sensor.sensorId, sensor.machineId, machine, sensor.driver, sensor.source, named(rank), ...texts].join(" "));
    this.renew();
  }

  /** What there may be nothing to say of: a card leaves it out. */
  #may(name, text) {
    put(this.cells[name], text ?? "–");
    this.cells[name].toggleAttribute("data-none", text === null);
  }

  renew() {
    put(this.cells.heard, this.heard === null ? t("technician.never") : ago(this.heard));
  }
}
