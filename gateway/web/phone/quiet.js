// Quiet hours: what this phone chose last holds for its next alert too.

import { element } from "../shared/dom.js";
import { t } from "../shared/words.js";

const KEY = "quiet";
const NONE = "none", OWN = "branch"; // ring at any hour; as the branch has it
const SPANS = ["21:00-07:00", "22:00-07:00", "22:00-09:00", "23:00-08:00"]; // the nights people have

/** What an alert is given: nothing where this phone has not chosen, then the branch's own hold. */
export function chosen() {
  const kept = read();
  return kept === OWN ? {} : { quietHours: hoursOf(kept) };
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
