// What the pages say, in the language they were written in; numbers, times and plurals by Intl.

export const SIGNS = { free: "✓", occupied: "●", unknown: "?", out_of_service: "–" };
export const STATUSES = Object.keys(SIGNS);
const WHY = ["start", "silent", "sensor_offline", "port_down"]; // causes of `unknown` that have a name
const MINUTE = 60, HOUR = 3600, DAY = 86400; // seconds

export const language = document.documentElement.lang;
const toLeft = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Nko}\p{Script=Syriac}\p{Script=Thaana}\p{Bidi_Control}]/u;
const mayTurn = document.documentElement.dir === "rtl" ? /\p{L}/u : toLeft; // in such a page any name may
const words = JSON.parse(document.getElementById("words").textContent);
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);
const percents = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const clocks = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const units = Object.fromEntries(["minute", "hour", "day"].map((unit) => [
  unit, new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }),
]));

/** The text of `section.key`, its `{holes}` filled; where it has several, by `values.count`. */
export function t(name, values = {}) {
  const [section, key] = name.split(".");
  const found = words[section]?.[key] ?? name;
  const text = typeof found === "string" ? found : found[plurals.select(values.count)] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (hole, one) => written(values[one] ?? hole));
}

export const has = (name) => t(name) !== name;
export const percent = (ratio) => percents.format(ratio);
export const statusOf = (status) => (SIGNS[status] ? t(`common.${status}`) : status);
/** Why a machine is unknown, where that has a name. */
export const whyOf = ({ status, cause }) => (status === "unknown" && WHY.includes(cause) ? t(`common.${cause}`) : null);
/** `14:05`, of epoch seconds; in this phone's time. */
export const clock = (seconds) => clocks.format(new Date(seconds * 1000));

/** `for 5 min`, of so many seconds. */
export function ageOf(seconds) {
  return seconds < MINUTE ? t("common.just_now") : t("common.for", { span: spanOf(seconds) });
}

/** `2 hr 5 min`, of so many seconds. */
export function spanOf(seconds) {
  if (seconds < HOUR) return units.minute.format(Math.floor(seconds / MINUTE));
  if (seconds >= DAY) return units.day.format(Math.floor(seconds / DAY));
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  const hours = units.hour.format(Math.floor(seconds / HOUR));
  return minutes ? `${hours} ${units.minute.format(minutes)}` : hours;
}

function written(value) {
  return typeof value === "number" ? numbers.format(value) : alone(`${value}`);
}

/** A name that runs the other way, or holds signs that turn text, must not turn the sentence around it. */
function alone(text) {
  return mayTurn.test(text) ? `\u2068${text.replace(/[\u2066-\u2069]/g, "")}\u2069` : text;
}
