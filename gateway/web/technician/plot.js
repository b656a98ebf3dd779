// One series of a sensor over time, with its thresholds and when it was active.

import { number, time } from "./when.js";
import uPlot from "../vendor/uplot/uPlot.esm.js";

const HIGH = [180, 320]; // px: a phone's, a desk's
const BAND = 6, IDLE = 1; // px: how high "active" and "inactive" stand at the foot
const PATHS = [uPlot.paths.linear(), uPlot.paths.stepped({ align: 1 })];
const DASHES = { limit: [], release: [6, 4], floor: [2, 4], fresh: [12, 4, 2, 4] };
const COLOURS = { limit: "--occupied", release: "--occupied", floor: "--quiet", fresh: "--service", level: "--free", active: "--free", ink: "--quiet", grid: "--line" };

export class Plot {
  #host;
  #plot = null;
  #lines = []; // [kind, value]: thresholds
  #shown = { x: [], y: [], active: [] };
  #span = [0, 1];
  #steps = false;

  constructor(host) {
    this.#host = host;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#build());
  }

  /** `x` epoch seconds, `y` values or null, `active` beside them; `lines` are `[kind, value]`; `steps`: a value holds until the next. */
  show(x, y, active, lines, span, steps = false) {
    this.#steps = steps;
    this.#shown = { x, y, active };
    this.#lines = lines;
    this.#span = span;
    if (this.#plot) this.#plot.setData([x, y]);
    else this.#build();
  }

  #build() {
    this.#plot?.destroy();
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const ink = colour("ink"), grid = { stroke: colour("grid"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: `${0.8 * size}px system-ui, sans-serif` };
    this.#plot = new uPlot({
      ...this.#size(),
      padding: [0.5 * size, 2.5 * size, 0, 0], // half a time's label stands beyond the right end
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, range: () => this.#span }, y: { range: (_plot, low, high) => this.#range(low, high) } },
      axes: [
        { ...axis, space: 5 * size, values: (_plot, moments) => moments.map(time) },
        { ...axis, size: 4 * size, values: (_plot, values) => values.map(number) },
      ],
      series: [{}, { stroke: colour("level"), width: 2, paths: (...asked) => PATHS[Number(this.#steps)](...asked), points: { show: this.#shown.x.length < 60 ? undefined : false, size: 4 } }],
      hooks: { draw: [(plot) => this.#drawActive(plot), (plot) => this.#drawLines(plot)] },
    }, [this.#shown.x, this.#shown.y], this.#host);
  }

  #size() {
    const width = Math.max(200, Math.floor(this.#host.clientWidth));
    return { width, height: Math.round(Math.min(HIGH[1], Math.max(HIGH[0], width * 0.4))) };
  }

  /** All that is measured and every threshold, with a margin. */
  #range(low, high) {
    const values = [low, high, ...this.#lines.map(([, value]) => value)].filter(Number.isFinite);
    if (values.length === 0) return [0, 1];
    const bottom = Math.min(...values), top = Math.max(...values);
    const margin = top > bottom ? (top - bottom) * 0.08 : Math.max(1, Math.abs(top) * 0.1);
    return [bottom - margin, top + margin];
  }

  #drawLines({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.lineWidth = 2 * devicePixelRatio;
    for (const [kind, value] of this.#lines) {
      const y = Math.round(valToPos(value, "y", true));
      ctx.strokeStyle = colour(kind);
      ctx.setLineDash(DASHES[kind].map((one) => one * devicePixelRatio));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  /** At the foot: high where it was active, thin where it was not, nothing where it said nothing. */
  #drawActive({ ctx, bbox, valToPos }) {
    const { x, active } = this.#shown;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("active");
    for (let place = 0; place < x.length; place++) {
      if (active[place] === null) continue;
      const [from, to] = [x[place], x[place + 1] ?? this.#span[1]].map((at) => Math.round(valToPos(at, "x", true)));
      const high = (active[place] ? BAND : IDLE) * devicePixelRatio;
      ctx.fillRect(from, bbox.top + bbox.height - high, Math.max(1, to - from), high);
    }
    ctx.restore();
  }
}

function colour(kind) {
  return getComputedStyle(document.documentElement).getPropertyValue(COLOURS[kind]).trim();
}
