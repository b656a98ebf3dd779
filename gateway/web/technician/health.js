// How the gateway is: its parts, its ports, and whatever else it tells.

import { ask } from "./ask.js";
import { key } from "./key.js";
import { filled } from "./table.js";
import { word } from "./troubles.js";
import { moment, number } from "./when.js";
import { element, put } from "../shared/dom.js";
import { has, t } from "../shared/words.js";

const SIGNS = { ok: "✓", degraded: "!", unavailable: "✕" };
const CONDITIONS = { up: ["✓", "port_up"], degraded: ["!", "port_degraded"], down: ["✕", "port_lost"] };
const PER_SENSOR = ["sensors", "findings"]; // the table of sensors has them

export class Health {
  #part;
  #shown = "";

  constructor(section) {
    const find = (name) => section.querySelector(name);
    this.#part = { sign: find(".sign"), word: find("b"), overall: find(".overall"), parts: find(".parts") };
  }

  forget() {
    this.#shown = "";
    this.#part.word.textContent = this.#part.sign.textContent = "";
    this.#part.parts.replaceChildren();
  }

  /** As it is now; nothing is drawn anew that is the same. */
  async look() {
    const health = await ask("GET", "/health");
    if (!key()) return;
    const text = JSON.stringify(health);
    if (text === this.#shown) return;
    this.#shown = text;
    const { status, parts = {}, details = {} } = health;
    put(this.#part.sign, SIGNS[status] ?? "?");
    put(this.#part.word, word(status));
    this.#part.overall.dataset.health = status;
    const others = Object.entries(details).filter(([name]) => name !== "ports" && !PER_SENSOR.includes(name));
    this.#part.parts.replaceChildren(...wrong(parts), ...ports(details.ports ?? []), ...others.flatMap(([name, value]) => other(name, value)));
  }
}

function wrong(parts) {
  const entries = Object.entries(parts);
  return entries.length ? [heading("parts"), described(entries, "part")] : [];
}

function ports(found) {
  if (found.length === 0) return [heading("ports"), element("p", { textContent: t("technician.no_ports") })];
  const labels = ["port", "kind", "connection", "since", "problem", "dropped"].map((name) => t(`technician.${name}`));
  const rows = found.map(({ id, kind, state, since, problem, dropped }) => [
    id, kind, condition(state), since === null ? "–" : moment(since), problem || "–", counted(dropped),
  ]);
  return [heading("ports"), filled(t("technician.ports"), labels, rows)];
}

/** What this page has no table for, such as the link upstream. */
function other(name, value) {
  if (value === null || (typeof value === "object" && Object.keys(value).length === 0)) return [];
  const entries = typeof value === "object" ? Object.entries(value) : [[name, value]];
  return [element("h3", { textContent: word(name) }), described(entries, name)];
}

/** Names have words of their group, or are told as the gateway has them. */
function described(entries, group) {
  const label = (name) => (has(`technician.${group}_${name}`) ? t(`technician.${group}_${name}`) : name.replaceAll("_", " "));
  const text = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : value in CONDITIONS ? condition(value) : String(value ?? "–"));
  return element("dl", { className: "wide" }, ...entries.map(([name, value]) => element("div", {}, element("dt", { textContent: label(name), dir: "auto" }), element("dd", { textContent: text(value), dir: "auto" }))));
}

function condition(state) {
  const [sign, name] = CONDITIONS[state] ?? ["?", state];
  return `${sign} ${word(name)}`;
}

const counted = (dropped) => Object.entries(dropped).map(([why, count]) => `${why.replaceAll("_", " ")} ${number(count)}`).join(", ") || "–";
const heading = (name) => element("h3", { textContent: t(`technician.${name}`) });
