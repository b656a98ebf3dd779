// How likely it is free soon, and how it usually is today: words, a number, a strip of quarter hours.

import { drawn as make } from "../shared/dom.js";
import { language, percent, t } from "../shared/words.js";

const SLOTS = 96, HEIGHT = 28; // quarter hours of a day; units of the strip
const HOURS = 24, NAMES_WIDE = 3, HIGH = 1.4; // of the week: columns; room for the names of days, height of a row, in columns
const EACH = 6; // hours: what is written below them
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]; // as Intl says them in English
const MONDAY = Date.UTC(2024, 0, 1, 12); // ms; any week names the days
const LIKELY = [[0.75, "very_likely"], [0.5, "likely"], [0.25, "perhaps"], [0, "unlikely"]];
const dayNames = new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" });
const named = DAYS.map((_, day) => dayNames.format(MONDAY + day * 86_400_000));

/** `{ chance, today, quietest, now, days }` of a machine; null where nothing is known yet. */
export async function look(machineId) {
  const reply = await fetch(`/machines/${machineId}/history?hours=1`);
  if (!reply.ok) return null;
  const { patterns, prediction, timezone, to, clock } = await reply.json();
  const now = to - 1; // in the bin that runs; a phone's own clock may be hours off
  const chance = prediction?.probabilityFree ?? null;
  const today = patterns.weekday[weekday(now, timezone)];
  const isKnown = !clock && today.some((one) => one !== null);
  return { chance, today: isKnown ? today : null, quietest: patterns.quietest, now: slotIn(now, timezone), days: patterns.weekday };
}

/** `Free in half an hour: likely (62%)`. */
export function inWords(chance) {
  const [, word] = LIKELY.find(([least]) => chance >= least);
  return t("machine.chance", { word: t(`machine.${word}`), ratio: percent(chance) });
}

/** The quiet times, as a suggestion; nothing where none is known. */
export function quietest(times) {
  return times.length ? t("machine.quietest", { times: times.sort().join(", ") }) : "";
}

function slotOf(time) {
  const [hour, minute] = time.split(":").map(Number);
  return hour * 4 + Math.floor(minute / 15);
}

/** A bar for each quarter hour: the higher, the more it is used; a gap where nothing is known. */
export function strip(today, now) {
  const image = make("svg", { viewBox: `0 0 ${SLOTS} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
  image.append(Object.assign(make("title", {}), { textContent: t("machine.today_label") }));
  today.forEach((ratio, slot) => {
    if (ratio === null) return;
    const high = Math.max(1, ratio * HEIGHT);
    image.append(make("rect", { x: slot, y: HEIGHT - high, width: 0.9, height: high, class: slot === now ? "now" : "" }));
  });
  return image;
}

/** Weekday by hour: the darker, the more it is used; a gap where nothing is known. */
export function week(days) {
  const image = make("svg", { viewBox: `0 0 ${HOURS + NAMES_WIDE} ${days.length * HIGH + 1.2}`, role: "img" });
  image.append(Object.assign(make("title", {}), { textContent: t("machine.week_label") }));
  days.forEach((day, row) => {
    image.append(text(0, (row + 0.72) * HIGH, named[row]));
    for (let hour = 0; hour < HOURS; hour++) {
      const ratio = mean(day.slice(hour * 4, hour * 4 + 4));
      if (ratio === null) continue;
      const cell = make("rect", { x: NAMES_WIDE + hour, y: row * HIGH, width: 0.94, height: HIGH - 0.1, "fill-opacity": (0.06 + 0.94 * ratio).toFixed(2) });
      cell.append(Object.assign(make("title", {}), { textContent: t("machine.cell", { day: named[row], time: `${hour}:00`, ratio: percent(ratio) }) }));
      image.append(cell);
    }
  });
  for (let hour = 0; hour < HOURS; hour += EACH) image.append(text(NAMES_WIDE + hour, days.length * HIGH + 1, `${hour}:00`));
  return image;
}

function text(x, y, said) {
  return Object.assign(make("text", { x, y }), { textContent: said });
}

function mean(ratios) {
  const known = ratios.filter((one) => one !== null);
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
}

/** The quarter hour that it is there, 0 to 95. */
function slotIn(moment, timezone) {
  return slotOf(clockIn(moment, timezone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
}

/** Monday 0. */
function weekday(moment, timezone) {
  return DAYS.indexOf(clockIn(moment, timezone, { weekday: "short" }));
}

function clockIn(moment, timeZone, parts) {
  return new Date(moment * 1000).toLocaleString("en-GB", { timeZone, ...parts });
}
