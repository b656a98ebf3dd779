// The floor plan: a tile where each machine stands; in rows where nobody has measured.

import { element, put } from "../shared/dom.js";
import { SIGNS, statusOf } from "../shared/words.js";

const ROOMY = 6; // rows of machines whose names may have two lines on a screen that lies
const ROOM = [8, 16]; // per cent of the plan's width that a name may take: between what is readable and what is wasted

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
    this.#place.replaceChildren(...machines.map((machine) => this.#tile(machine)));
    if (placed) this.#spread(machines);
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

  /** As far apart as there is room; each name as wide as its neighbours leave it. */
  #spread(machines) {
    const along = ({ position }) => position.x, down = ({ position }) => position.y;
    const [left, width] = span(machines.map(along)), [top, height] = span(machines.map(down));
    const columns = new Set(machines.map(along)).size, rows = new Set(machines.map(down)).size;
    this.#place.classList.toggle("dense", rows > ROOMY);
    this.#place.style.setProperty("--room", `${Math.min(Math.max(96 / columns, ROOM[0]), ROOM[1])}%`);
    for (const machine of machines) {
      const { style } = this.#tiles.get(machine.machineId).tile;
      style.setProperty("--x", (along(machine) - left) / width);
      style.setProperty("--y", (down(machine) - top) / height);
    }
  }
}

function span(values) {
  const least = Math.min(...values);
  return [least, Math.max(...values) - least || 1];
}
