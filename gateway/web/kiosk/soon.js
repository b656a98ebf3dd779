// What frees soon: the likeliest first, in rows that are made once.

import { element, put } from "../shared/dom.js";
import { percent, spanOf, t } from "../shared/words.js";

const SHOWN = 5; // rows: what is read in passing
const LIKELY = 0.5; // below that it is no promise
const RENEW = 15_000; // ms between two renewals of the minutes

export class Soon {
  #machines = new Map(); // those that may free soon, by id
  #rows;
  #none;

  constructor(section) {
    this.#rows = Array.from({ length: SHOWN }, row);
    section.querySelector("ol").append(...this.#rows.map(({ all }) => all));
    this.#none = section.querySelector(":scope > p");
    setInterval(() => this.#draw(), RENEW);
  }

  show(machine) {
    const { machineId, status, likelyFreeIn30m } = machine;
    const may = status === "occupied" && likelyFreeIn30m >= LIKELY;
    if (may) this.#machines.set(machineId, machine);
    else if (!this.#machines.delete(machineId)) return;
    this.#draw();
  }

  #draw() {
    const now = Date.now() / 1000;
    const first = ({ likelyFreeIn30m }, other) => other.likelyFreeIn30m - likelyFreeIn30m;
    const shown = [...this.#machines.values()].sort(first).slice(0, SHOWN);
    this.#rows.forEach(({ all, name, when }, place) => {
      all.hidden = place >= shown.length;
      if (all.hidden) return;
      put(name, shown[place].name);
      put(when, told(shown[place], now));
    });
    this.#none.hidden = shown.length > 0;
  }
}

function told({ expectedFreeAt, likelyFreeIn30m }, now) {
  const left = expectedFreeAt - now;
  if (expectedFreeAt && left >= 60 && left <= 1800) return t("kiosk.soon_in", { span: spanOf(left) });
  return t("kiosk.soon_chance", { ratio: percent(likelyFreeIn30m) });
}

function row() {
  const textContent = " "; // the node that put() writes to: none is made while it runs
  const name = element("span", { className: "name", dir: "auto", textContent });
  const when = element("span", { className: "when", textContent });
  return { all: element("li", { hidden: true }, name, when), name, when };
}
