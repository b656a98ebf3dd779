// Care for a screen that runs for months: turned, dark at night, never the same pixels, always the newest version.

import { clock, hours, now, setClock, setZone } from "./time.js";
import { put } from "../shared/dom.js";

const TICK = 10_000; // ms between two looks at the clock
const SHIFT = 60_000; // ms that the picture stays where it is: no pixel shows one thing for months
const STEPS = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]]; // of a third of a letter
const THEMES = ["light", "dark"];
const DAY = [7, 19]; // hours: light within, dark else
const RELOAD = [4, 5]; // hours within which it begins anew once a day: what leaks in months is gone
const LOOKS = 600_000; // ms between two looks for another version
const FORGOTTEN = 3_600_000; // ms without a link, after which nobody knows that the branch is still closed
const screen = document.getElementById("screen");
const face = document.getElementById("clock");
const root = document.documentElement;

export class Care {
  #open = true;
  #goneAt = null;
  #theme;
  #began = Date.now();
  #nightly = RELOAD[0] + Math.random() * (RELOAD[1] - RELOAD[0]); // not all screens at once

  /** Of `?rotate=90|180|270` and `?theme=light|dark`. */
  constructor(asked) {
    this.#theme = THEMES.find((theme) => theme === asked.get("theme"));
    root.dataset.rotate = asked.get("rotate") ?? "0";
    this.#colours();
    this.#stand();
    addEventListener("resize", () => this.#stand());
    this.#tick();
    setInterval(() => this.#tick(), TICK);
    setInterval(() => this.#renew(), LOOKS);
    setInterval(() => this.#shift(), SHIFT);
  }

  /** What a reply about the branch says, and when it was sent. */
  branch({ timezone, open, clock: itsClock }, date) {
    setZone(timezone);
    setClock(itsClock === "unsynchronised" ? null : date);
    this.#open = open;
    this.#tick();
  }

  /** The link is there again: it may be another version's. */
  back() {
    if (this.#goneAt !== null) this.#renew();
    this.#goneAt = null;
  }

  gone() {
    this.#goneAt ??= Date.now();
  }

  #tick() {
    put(face, clock(now()));
    const hour = hours();
    root.dataset.theme = this.#theme ?? THEMES[Number(hour < DAY[0] || hour >= DAY[1])];
    document.body.classList.toggle("asleep", !this.#isOn(hour));
    const long = Date.now() - this.#began > 2 * 3_600_000;
    if (long && hour >= this.#nightly && hour < RELOAD[1]) this.#anew();
  }

  /** Within the screen's hours; without any, while the branch is open or nobody knows. */
  #isOn(hour) {
    const told = document.body.dataset.screen;
    if (!told) return this.#open || (this.#goneAt !== null && Date.now() - this.#goneAt > FORGOTTEN);
    const [from, to] = told.split("-").map((text) => text.split(":").reduce((sum, part, at) => sum + part / 60 ** at, 0));
    return from < to ? hour >= from && hour < to : hour >= from || hour < to;
  }

  /** Another version of the page, or another look of the branch. */
  async #renew() {
    const next = await served();
    if (next && next !== look(document)) location.reload();
  }

  /** Only where there is something to load: else the screen would show the browser's own error. */
  async #anew() {
    this.#began = Date.now();
    if (await served()) location.reload();
  }

  /** Upright, also where the browser does not know that the screen is turned. */
  #stand() {
    const turned = ["90", "270"].includes(root.dataset.rotate);
    document.body.classList.toggle("upright", innerHeight > innerWidth !== turned);
  }

  #shift() {
    const [right, down] = STEPS[Math.floor(Date.now() / SHIFT) % STEPS.length];
    screen.style.translate = `${right * 0.35}rem ${down * 0.35}rem`;
  }

  /** The branch's colour, and letters that can be read on it. */
  #colours() {
    const { colour } = document.body.dataset;
    const [red, green, blue] = [1, 3, 5].map((at) => linear(parseInt(colour.slice(at, at + 2), 16) / 255));
    const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    root.style.setProperty("--brand", colour);
    root.style.setProperty("--on-brand", luminance > 0.179 ? "#000" : "#fff"); // where both contrast alike
  }
}

function linear(share) {
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** How this page would look if it were loaded now; null where it would not. */
async function served() {
  try {
    const reply = await fetch(location.href);
    return reply.ok ? look(new DOMParser().parseFromString(await reply.text(), "text/html")) : null;
  } catch {
    return null; // it will be asked again
  }
}

/** Null where it is another page. */
function look({ body, documentElement }) {
  const { version, colour, screen: hoursOfScreen, logo } = body.dataset;
  return version ? [version, colour, hoursOfScreen, logo, documentElement.lang].join() : null;
}
