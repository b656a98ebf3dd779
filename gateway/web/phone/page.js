// What every page of a member does: tell how old the data is, and keep the gateway's time.

import { clock, t } from "../shared/words.js";
import { put } from "../shared/dom.js";

const MINUTE = 60; // seconds: what clocks are shown in; a stream is at most some of them late
const notice = document.getElementById("notice");

/** Ages by the gateway's clock, times by this phone's, however wrong either is; what we do not hear of does not age. */
class Age {
  #ahead = 0; // seconds that the gateway's clock is ahead of ours
  #minutes = 0; // the same, as times are shown
  #heardAt = Number(document.body.dataset.asOf) || null; // when anything was heard last, by our clock
  #connected = false;
  known = false; // whether the gateway knows the time

  constructor() {
    if ("kept" in document.body.dataset) this.down(); // the worker had no newer one
  }

  snapshot({ asOf, clock }) {
    this.#ahead = asOf - Date.now() / 1000;
    if (Math.abs(this.#ahead - this.#minutes * MINUTE) > 0.75 * MINUTE) this.#minutes = Math.round(this.#ahead / MINUTE); // half a minute off must not flicker
    this.known = clock !== "unsynchronised";
  }

  up() {
    this.#heardAt = Date.now() / 1000;
    this.#connected = true;
    document.body.classList.remove("old");
  }

  down() {
    this.#connected = false;
    document.body.classList.add("old");
    say(this.#heardAt ? t("common.cut_off_since", { time: clock(this.#heardAt) }) : t("common.cut_off"));
  }

  /** `14:05`, as this phone will show it at that moment of the gateway's. */
  at(moment) {
    return clock(moment - this.#minutes * MINUTE);
  }

  /** Now, by the gateway's clock; null while it does not know the time. */
  get now() {
    return this.known ? Date.now() / 1000 + this.#ahead : null;
  }

  /** Seconds since then. */
  since(moment) {
    const now = this.#connected || !this.#heardAt ? Date.now() / 1000 : this.#heardAt;
    return Math.max(0, now + this.#ahead - moment);
  }
}

export const age = new Age();

/** Tell it above the page; nothing hides it. */
export function say(text) {
  put(notice, text);
  notice.hidden = !text;
}

/** What went wrong, in the person's language. */
export class Told extends Error {}

/** One at a time; what went wrong is told where the button is. */
export async function doing(pressed, told, work) {
  const wasFocused = document.activeElement === pressed; // what is disabled loses it
  pressed.disabled = true;
  try {
    await work();
  } catch (error) {
    put(told, error instanceof Told ? error.message : t("problem.other"));
  } finally {
    pressed.disabled = false;
    if (wasFocused && document.activeElement === document.body) pressed.focus();
  }
}

/** Installable, and there when the link is gone: where the browser lets a page have a worker. */
export async function keepHere() {
  if (!window.isSecureContext || !("serviceWorker" in navigator)) return null;
  return navigator.serviceWorker.register("/worker.js").catch(() => null);
}
