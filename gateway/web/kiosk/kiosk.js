// The screen on the wall: what is free, where it stands, what frees soon. It runs for months.

import { Care } from "./care.js";
import { Plan } from "./plan.js";
import { Soon } from "./soon.js";
import { moment, now } from "./time.js";
import { element, put } from "../shared/dom.js";
import { Live } from "../shared/live.js";
import { SIGNS, STATUSES, t } from "../shared/words.js";

const NAMES = 60_000; // ms between two questions for names, opening and what is foretold
const AGAIN = 5_000; // ms to the next one where there was no answer
const FIRST = 1_000; // ms that the first one waits for the machines
const HOUR = 3_600_000; // ms between two looks at the usual day
const MANY = 16; // categories: more of them stand closer
const ACROSS = { wide: [8, 10], upright: [4, 5] }; // counts in a row, at most: what leaves each its letters

const page = Object.fromEntries(
  ["branch", "closed", "notice", "counts", "plan", "soon", "usual", "busiest", "quietest"].map((id) => [id, document.getElementById(id)]),
);
const asked = new URLSearchParams(location.search);
const gym = asked.get("branch") ?? document.body.dataset.gym;
const machines = new Map(); // id → machine as it stands
const counts = new Map(); // category id → { name, number, of, all }
const names = new Map(); // category id → its name
const plan = new Plan(page.plan);
const soon = new Soon(page.soon);
const care = new Care(asked);
let heardAt = Number(document.body.dataset.asOf) || null; // epoch seconds
let isUp = null; // not known yet
let isUnknown = false; // there is no such branch
let shown = ""; // what the plan was made of
let isAsked = false;
const loadedAt = Date.now();

const live = new Live({
  snapshot({ machines: list, asOf }) {
    heardAt = asOf;
    const wanted = JSON.stringify(list.map(({ machineId, name, category, position }) => [machineId, name, category, position]));
    if (shown !== wanted) build(list);
    shown = wanted;
    for (const machine of list) take(machine);
    for (const category of counts.keys()) count(category);
  },
  update(message) {
    const before = machines.get(message.machineId);
    if (!before) return;
    take({ ...before, ...message, likelyFreeIn30m: null, expectedFreeAt: null });
    count(before.category);
    heardAt = message.timestamp;
  },
  up() {
    heardAt = Math.max(heardAt ?? 0, now() / 1000);
    isUp = true;
    askFirst();
    document.body.classList.remove("old");
    say();
    care.back();
  },
  down() {
    isUp = false;
    document.body.classList.add("old");
    say();
    care.gone();
  },
}, `/stream?branch=${encodeURIComponent(gym)}`);

if (gym === document.body.dataset.gym) for (const { dataset, firstChild } of page.counts.children) names.set(dataset.category, firstChild.textContent);
addEventListener("load", begin);

function build(list) {
  machines.clear();
  counts.clear();
  for (const { category } of list) if (!counts.has(category)) counts.set(category, counted(category));
  page.counts.replaceChildren(...[...counts.values()].map(({ all }) => all));
  for (const [stands, most] of Object.entries(ACROSS)) page.counts.style.setProperty(`--${stands}-across`, even(counts.size, most[Number(counts.size > MANY)]));
  const largest = Math.max(0, ...[...counts.keys()].map((category) => list.filter((machine) => machine.category === category).length));
  page.counts.style.setProperty("--digits", `${largest}`.length);
  plan.build(list);
}

/** How many in a row, that all rows are alike long. */
function even(all, most) {
  return Math.ceil(all / Math.ceil(all / most));
}

function counted(category) {
  const name = element("h2", { textContent: names.get(category) ?? category, dir: "auto" });
  const number = element("b"), of = element("span"), unsure = element("i");
  return { name, number, of, unsure, all: element("div", {}, name, element("p", {}, number, of), unsure) };
}

function take(machine) {
  machines.set(machine.machineId, machine);
  plan.show(machine);
  soon.show(machine);
}

/** What is free of what; of what nobody knows it is no zero. */
function count(category) {
  const here = [...machines.values()].filter((machine) => machine.category === category);
  const [free, occupied, unknown] = STATUSES.map((wanted) => here.filter(({ status }) => status === wanted).length);
  const { number, of, unsure, all } = counts.get(category);
  const isKnown = free + occupied > 0 || unknown === 0;
  put(number, isKnown ? `${free}` : SIGNS.unknown);
  put(of, ` / ${here.length}`);
  put(unsure, isKnown && unknown ? `${SIGNS.unknown} ${unknown}` : "");
  all.classList.toggle("none", isKnown && free === 0);
  all.classList.toggle("unknown", !isKnown);
}

/** Names, whether it is open, and what is foretold: what the stream does not say. */
async function ask() {
  let wait = NAMES;
  say(); // after hours, with the day
  try {
    const reply = await fetch(`/branches/${encodeURIComponent(gym)}`);
    isUnknown = reply.status === 404;
    say();
    if (!reply.ok) throw new Error(`${reply.status}`); // what refuses says nothing of the branch
    const branch = await reply.json();
    put(page.branch, branch.name);
    page.closed.hidden = branch.open;
    care.branch(branch, reply.headers.get("Date"));
    for (const { category, name } of branch.categories) called(category, name);
    if (Date.now() - loadedAt > NAMES / 2) await Promise.all(branch.categories.map(foretold)); // the snapshot had it
  } catch {
    if (!isUnknown) wait = AGAIN;
  }
  document.querySelector("main").removeAttribute("aria-busy");
  setTimeout(ask, wait);
}

function called(category, name) {
  names.set(category, name);
  if (counts.has(category)) put(counts.get(category).name, name);
}

async function foretold({ category }) {
  const reply = await fetch(`/branches/${encodeURIComponent(gym)}/categories/${category}/machines`);
  if (!reply.ok) return;
  for (const { machineId, lastChange, likelyFreeIn30m, expectedFreeAt } of (await reply.json()).machines) {
    const machine = machines.get(machineId);
    if (machine?.lastChange === lastChange) take({ ...machine, likelyFreeIn30m, expectedFreeAt });
  }
}

async function usual() {
  let wait = HOUR;
  try {
    const reply = await fetch(`/branches/${encodeURIComponent(gym)}/usual`);
    if (!reply.ok) throw new Error(`${reply.status}`);
    const { patterns } = await reply.json();
    put(page.busiest, patterns.busiest.sort().join(" · "));
    put(page.quietest, patterns.quietest.sort().join(" · "));
    page.usual.hidden = patterns.busiest.length === 0;
    page.usual.classList.remove("unsure");
  } catch {
    wait = NAMES;
  }
  setTimeout(usual, wait);
}

/** What hinders, if anything does; nothing where all is well. */
function say() {
  if (isUp === null && !isUnknown) return; // what the gateway wrote still holds
  const lost = heardAt ? t("kiosk.no_data", { time: moment(heardAt) }) : t("kiosk.no_data_yet");
  const text = isUnknown ? t("kiosk.no_branch", { branch: gym }) : isUp ? "" : lost;
  put(page.notice, text);
  page.notice.hidden = !text;
}

/** All parts are here; until then the page loads itself anew each minute, for one may have been missed. */
function begin() {
  window.stop(); // no more of that
  live.start();
  setTimeout(askFirst, FIRST);
}

/** Once the machines are shown: nothing shall keep them waiting. */
function askFirst() {
  if (isAsked) return;
  isAsked = true;
  ask();
  usual();
  const code = document.getElementById("code");
  code.src = gym === document.body.dataset.gym ? code.dataset.code : `/branches/${encodeURIComponent(gym)}/qr.svg`;
}
