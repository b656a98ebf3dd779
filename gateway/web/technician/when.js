// Times and spans as a technician reads them; the gateway's clock, not this device's.

import { language } from "../shared/words.js";

const MINUTE = 60, HOUR = 3600, DAY = 86_400; // seconds
const FINE = 2; // so many of a unit before the next larger one is used
const STEPS = [[DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"], [1, "second"]];
const units = Object.fromEntries(STEPS.map(([, unit]) => [
  unit, new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "hour" ? 1 : 0 }),
]));
const agos = new Intl.RelativeTimeFormat(language, { style: "short" });
const times = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const days = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const numbers = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });

let ahead = 0; // seconds that the gateway's clock is ahead of ours
let heldAt = null; // the moment at which ages stopped, while there is no link

/** The gateway's clock, of a reply's `asOf`. */
export function set(asOf) {
  ahead = asOf - Date.now() / 1000;
  heldAt = null;
}

/** What we do not hear of does not age. */
export function hold() {
  heldAt ??= now();
}

/** Epoch seconds at the gateway. */
export const now = () => heldAt ?? Date.now() / 1000 + ahead;
export const number = (value) => numbers.format(value);
/** `14:05:09`. */
export const time = (seconds) => times.format(new Date(seconds * 1000));
/** `14:05:09`, or with its day if that is not the last one. */
export const moment = (seconds) => (Math.abs(now() - seconds) < DAY / 2 ? time(seconds) : days.format(new Date(seconds * 1000)));

/** `3 sec ago`. */
export function ago(at) {
  const [count, unit] = largest(Math.max(0, now() - at), Math.floor);
  return agos.format(-count, unit);
}

/** `90 sec`, `12 min`, `1.6 hr`. */
export function span(seconds) {
  const [count, unit] = largest(seconds, (value) => value);
  return units[unit].format(count);
}

function largest(seconds, whole) {
  const [size, unit] = STEPS.find(([size]) => seconds >= FINE * size) ?? STEPS.at(-1);
  return [whole(seconds / size), unit];
}
