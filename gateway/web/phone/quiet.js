// Quiet hours: what this phone chose last holds for its next alert too.

import { element } from "../shared/dom.js";
import { clock, t } from "../shared/words.js";

const KEY = "quiet";
const NONE = "none", OWN = "branch"; // ring at any hour; as the branch has it
const WEEK = 7, DAY = 1440; // days, minutes
const SPANS = ["21:00-07:00", "22:00-07:00", "22:00-09:00", "23:00-08:00"]; // the nights people have

/** What an alert is given: nothing where this phone has not chosen, then the branch's own hold. */
export function chosen() {
  const kept = read();
  return kept === OWN ? {} : { quietHours: hoursOf(kept) };
}

/** Seconds for which it stays quiet from that moment on (epoch seconds), by the clock of who reads; days of the week are the gateway's to know. */
export function quietFor(quietHours, moment) {
  if (!quietHours || moment === null || quietHours.days.length < WEEK) return 0;
  const [start, end, now] = [quietHours.start, quietHours.end, clock(moment)].map(minutesOf);
  const isQuiet = start <= end ? start <= now && now < end : now >= start || now < end;
  return isQuiet ? ((end - now + DAY) % DAY || DAY) * 60 : 0;
}

function minutesOf(time) {
  const [hour, minute] = time.split(":").map(Number);
  return hour * 60 + minute;
}

/** Fills a select with the choices, the alert's own among them; `change` gets `{ start, end }` or null. */
export function offer(select, quietHours, change) {
  const now = quietHours ? `${quietHours.start}-${quietHours.end}` : NONE;
  if (select.options.length && select.value === now) return; // it may be open under a finger
  const choices = [NONE, ...new Set([...SPANS, ...(quietHours ? [now] : [])])];
  select.replaceChildren(...choices.map((one) => element("option", { value: one, textContent: named(one) })));
  select.value = now;
  select.onchange = () => {
    keep(select.value);
    change(hoursOf(select.value));
  };
}

function named(choice) {
  return choice === NONE ? t("alert.quiet_none") : t("alert.quiet_from", hoursOf(choice));
}

function hoursOf(choice) {
  const [start, end] = choice.split("-");
  return choice === NONE ? null : { start, end };
}

function keep(choice) {
  try { localStorage.setItem(KEY, choice); } catch { /* storage may be forbidden */ }
}

function read() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === NONE || SPANS.includes(kept) ? kept : OWN;
  } catch { return OWN; }
}
