// The floor plan: a tile where each machine stands; in rows where nobody has measured, or where they would lie on each other.

import { fitList, fitPlan } from "./fit.js";
import { widthOf } from "./names.js";
import { element, put } from "../shared/dom.js";
import { SIGNS, statusOf } from "../shared/words.js";

const INSET = 0.5; // rem around them

export class Plan {
  #place;
  #tiles = new Map(); // machine id → { tile, sign, word }
  #spots = null; // [x, y] of each, within 0…1; null: some are not known
  #wide = () => 0; // how wide names are on so many lines

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  build(machines) {
    this.#tiles.clear();
    this.#spots = machines.length && machines.every(({ position }) => position) ? spotsOf(machines) : null;
    const names = machines.map(({ name }) => name), widths = [2, 3].map((lines) => widthOf(names, lines));
    this.#wide = (lines) => widths[lines - 2];
    this.#place.replaceChildren(...machines.map((machine) => this.#tile(machine)));
    requestAnimationFrame(() => this.#fit()); // once all around it is as it will be
  }

  show({ machineId, status }) {
    const { tile, sign, word } = this.#tiles.get(machineId);
    if (tile.dataset.status === status) return;
    tile.dataset.status = status;
    put(sign, SIGNS[status] ?? "?");
    put(word, statusOf(status));
  }

  #tile({ machineId, name }) {
    const sign = element("b"), word = element("span", { className: "unseen" });
    sign.setAttribute("aria-hidden", "true");
    const tile = element("div", { className: "tile" }, sign, element("span", { textContent: name, dir: "auto", className: "name" }), word);
    this.#tiles.set(machineId, { tile, sign, word });
    return tile;
  }

  /** As large as there is room for; on a phone, where the page scrolls, a style of its own counts. */
  #fit() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const [width, height] = [this.#place.clientWidth, this.#place.clientHeight].map((length) => length / rem - 2 * INSET);
    const placed = this.#spots && fitPlan(this.#spots, this.#wide, width, height);
    const { corners = [], ...size } = placed ?? fitList(this.#tiles.size, this.#wide, width, height);
    const { classList, style } = this.#place;
    classList.toggle("placed", Boolean(placed));
    classList.toggle("bare", size.letters === 0);
    for (const [name, value] of Object.entries(size)) style.setProperty(`--${name}`, value);
    [...this.#place.children].forEach((tile, place) => {
      const [left, top] = corners[place] ?? [0, 0];
      tile.style.setProperty("--left", left + INSET);
      tile.style.setProperty("--top", top + INSET);
    });
  }
}

function spotsOf(machines) {
  const x = shares(machines.map(({ position }) => position.x)), y = shares(machines.map(({ position }) => position.y));
  return machines.map((_machine, place) => [x[place], y[place]]);
}

/** From 0 to 1; in the middle where all are alike. */
function shares(values) {
  const least = Math.min(...values), span = Math.max(...values) - least;
  return values.map((value) => (span ? (value - least) / span : 0.5));
}
