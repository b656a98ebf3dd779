// Care for a screen that runs for months: turned, dark at night, never the same pixels, always the newest version.

import { language } from "../shared/words.js";
import { put } from "../shared/dom.js";

const TICK = 10_000; // ms between two looks at the clock
const SHIFT = 60_000; // ms that the picture stays where it is: no pixel shows one thing for months
const STEPS = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]]; // of a third of a letter
const DAY = [7, 19]; // hours: light within, dark else
const RELOAD = [4, 5]; // hours within which it begins anew once a day: what leaks in months is gone
const LOOKS = 600_000; // ms between two looks for another version
const screen = document.getElementById("screen");
const face = document.getElementById("clock");
const root = document.documentElement;

export class Care {
  #zone; // the branch's; until it is known, this screen's own
  #open = true;
  #wasGone = false;
  #theme;
  #began = Date.now();
  #nightly = RELOAD[0] + Math.random() * (RELOAD[1] - RELOAD[0]); // not all screens at once

  /** Of `?rotate=90|180|270` and `?theme=light|dark`. */
  constructor(asked) {
    this.#theme = asked.get("theme");
    root.dataset.rotate = asked.get("rotate") ?? "0";
    this.#colours();
    this.#stand();
    addEventListener("resize", () => this.#stand());
    this.#tick();
    setInterval(() => this.#tick(), TICK);
    setInterval(() => this.#renew(), LOOKS);
    setInterval(() => this.#shift(), SHIFT);
  }

  branch({ timezone, open }) {
    this.#zone = timezone;
    this.#open = open;
    this.#tick();
  }

  /** The link is there again: it may be another version's. */
  back() {
    if (this.#wasGone) this.#renew();
    this.#wasGone = false;
  }

  gone() {
    this.#wasGone = true;
  }

  #tick() {
    const time = new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: this.#zone });
    put(face, time);
    const [hour, minute] = time.split(":").map(Number);
    const now = hour + minute / 60;
    const light = now >= DAY[0] && now < DAY[1];
    root.dataset.theme = this.#theme ?? (light ? "light" : "dark");
    document.body.classList.toggle("asleep", !this.#isOn(now));
    const long = Date.now() - this.#began > 2 * 3_600_000;
    if (long && now >= this.#nightly && now < RELOAD[1]) this.#reload();
  }

  /** Within the screen's hours; without any, while the branch is open. */
  #isOn(now) {
    const told = document.body.dataset.screen;
    if (!told) return this.#open;
    const [from, to] = told.split("-").map((text) => text.split(":").reduce((hours, part, at) => hours + part / 60 ** at, 0));
    return from < to ? now >= from && now < to : now >= from || now < to;
  }

  async #renew() {
    try {
      const reply = await fetch("/web/version");
      if (reply.ok && (await reply.text()) !== document.body.dataset.version) location.reload();
    } catch { /* it will be asked again */ }
  }

  /** Only where there is something to load: else the screen would show the browser's own error. */
  async #reload() {
    this.#began = Date.now();
    const reply = await fetch("/web/version").catch(() => null);
    if (reply?.ok) location.reload();
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
