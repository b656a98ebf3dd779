// Time on the wall: the gateway's clock in the branch's zone; a screen's own may be hours off.

import { language } from "../shared/words.js";

const SLACK = 2_000; // ms: whole seconds in a header, and the way here
const RECENT = 12 * 3600; // seconds: beyond them an hour alone could be any day's
const SHORT = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const LONG = { weekday: "short", day: "numeric", month: "short", ...SHORT };

let ahead = 0; // ms that the gateway's clock is ahead of ours
let formats = formatsOf(document.body.dataset.zone);

/** The zone of the branch that is shown. */
export function setZone(timeZone) {
  formats = formatsOf(timeZone);
}

/** The gateway's clock, of a reply's `Date`; null where it does not know the time either. */
export function setClock(date) {
  const found = Date.parse(date ?? "") - Date.now();
  ahead = Math.abs(found) > SLACK ? found : 0;
}

/** Milliseconds since the epoch, as the gateway has them. */
export const now = () => Date.now() + ahead;

/** `14:05`. */
export const clock = (ms) => formats.short.format(ms);

/** `14:05`, or with its day if that is not the last one. */
export function moment(seconds) {
  const format = Math.abs(now() / 1000 - seconds) < RECENT ? formats.short : formats.long;
  return format.format(seconds * 1000);
}

/** Hours since midnight, 14.5 for half past two. */
export function hours() {
  const [hour, minute] = formats.digits.format(now()).split(":").map(Number);
  return hour + minute / 60;
}

function formatsOf(timeZone) {
  try {
    const format = (tag, options) => new Intl.DateTimeFormat(tag, { ...options, timeZone: timeZone || undefined });
    return { short: format(language, SHORT), long: format(language, LONG), digits: format("en-GB", SHORT) };
  } catch { // a zone that this browser does not know
    return formatsOf("");
  }
}
