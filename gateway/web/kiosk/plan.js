// The floor plan: a tile where each machine stands; in rows where nobody has measured.

import { element, put } from "../shared/dom.js";
import { SIGNS, statusOf } from "../shared/words.js";

const ROOM = 0.06; // of the plan's width and height, kept free at each edge: half a tile

export class Plan {
  #place;
  #tiles = new Map(); // machine id → { tile, sign, word }

  constructor(place) {
    this.#place = place;
  }

  build(machines) {
    this.#tiles.clear();
    const placed = machines.every((machine) => machine.position);
    this.#place.classList.toggle("placed", placed && machines.length > 0);
    const at = placed ? spread(machines) : () => ({});
    this.#place.replaceChildren(...machines.map((machine) => this.#tile(machine, at(machine))));
  }

  show({ machineId, status }) {
    const { tile, sign, word } = this.#tiles.get(machineId);
    if (tile.dataset.status === status) return;
    tile.dataset.status = status;
    put(sign, SIGNS[status] ?? "?");
    put(word, statusOf(status));
  }

  #tile({ machineId, name }, { left, top }) {
    const sign = element("b"), word = element("span", { className: "unseen" });
    sign.setAttribute("aria-hidden", "true");
    const tile = element("div", { className: "tile" }, sign, element("span", { textContent: name, dir: "auto", className: "name" }), word);
    if (left !== undefined) Object.assign(tile.style, { left, top });
    this.#tiles.set(machineId, { tile, sign, word });
    return tile;
  }
}

/** Metres to per cent of the plan, as far apart as there is room. */
function spread(machines) {
  const [left, width] = span(machines.map(({ position }) => position.x));
  const [top, height] = span(machines.map(({ position }) => position.y));
  const percent = (share) => `${(100 * (ROOM + share * (1 - 2 * ROOM))).toFixed(2)}%`;
  return ({ position: { x, y } }) => ({ left: percent((x - left) / width), top: percent((y - top) / height) });
}

function span(values) {
  const least = Math.min(...values);
  return [least, Math.max(...values) - least || 1];
}
