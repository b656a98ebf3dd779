// The page of a member: every machine by category, as it stands now.

import { Mine } from "./mine.js";
import { age, keepHere, say } from "./page.js";
import { Row, Section } from "./rows.js";
import { element, put } from "../shared/dom.js";
import { Live } from "../shared/live.js";
import { spanOf, t } from "../shared/words.js";

const ANNOUNCE = 60_000; // ms between two counts to screen readers: who wants one sooner reads the summary
const AGES = 15_000; // ms between two renewals of the ages
const LOOKS = 60_000; // ms between two questions how what is waited for stands
const SILENT = 300; // seconds, after which the gateway knows nothing of a sibling
const AGAIN = 5_000; // ms until the names are asked for again

const rows = new Map(); // machine id → Row
const sections = new Map(); // category id → Section
const names = new Map(); // category id → its name, as the gateway wrote it until we ask
const page = Object.fromEntries(
  ["branch", "summary", "categories", "search", "nothing", "machines", "announcement", "favourites", "others"].map((id) => [id, document.getElementById(id)]),
);
for (const link of page.categories.children) names.set(link.hash.slice("#category-".length), link.firstChild.textContent);
const liked = page.favourites.querySelector("ul");
const mine = new Mine(({ machineId, category }) => rows.get(machineId)?.machine.name ?? machineId ?? names.get(category) ?? category, statusOf, () => live.open());
let isOpen = true; // until we hear otherwise
let siblings = [];
let lookingAgain = null; // a timer
let counted = null; // what screen readers are told next
let announcing = null; // the timer, while they are left in peace

const live = new Live({
  snapshot(message) {
    age.snapshot(message);
    const shown = [...rows.values()].map((row) => named(row.machine)).join();
    if (shown !== message.machines.map(named).join()) build(message.machines);
    for (const machine of message.machines) rows.get(machine.machineId).show(machine, age);
    arrange(); // nothing moves with a single event: it might be under a finger
    page.machines.removeAttribute("aria-busy");
    count();
    showOthers(); // the gateway's time is known now
    mine.look().then(count);
  },
  update(message) {
    const row = rows.get(message.machineId);
    if (!row) return;
    const before = row.machine.status;
    row.show({ ...row.machine, ...message }, age);
    count();
    mine.changed(message.machineId, before, message.status);
  },
  alert: (message) => mine.rung(message),
  up() {
    age.up();
    say(age.known || rows.size === 0 ? "" : t("common.no_clock"));
  },
  down: () => age.down(),
});

const named = ({ machineId, category, name }) => `${machineId} ${category} ${name}`;
page.search.addEventListener("input", () => {
  find();
  const count = [...rows.values()].filter(({ all }) => !all.hidden).length;
  put(page.announcement, count ? t("phone.found", { count }) : t("phone.nothing"));
});
lookAround();
live.start();
keepHere();
setInterval(() => rows.forEach((row) => row.renew(age)), AGES);
setInterval(() => mine.renew(), LOOKS);
setInterval(() => isOnScreen(page.others) && lookAround(), LOOKS);
document.addEventListener("visibilitychange", () => document.hidden || lookAround());

/** Names of the branch and its categories, whether it is open, its siblings; the snapshot has all the rest. */
async function lookAround() {
  try {
    const { branches, clock: unsure } = await (await fetch("/branches")).json();
    const branch = branches.find((one) => one.source === "local");
    page.branch.textContent = document.title = branch.name;
    for (const { category, name } of branch.categories) {
      names.set(category, name);
      sections.get(category)?.name(name);
    }
    isOpen = branch.open || unsure === "unsynchronised";
    siblings = branches.filter((one) => one !== branch);
    showOthers();
    if (rows.size) count();
  } catch {
    clearTimeout(lookingAgain);
    lookingAgain = setTimeout(lookAround, AGAIN);
  }
}

function isOnScreen(part) {
  const { top, bottom, height } = part.getBoundingClientRect();
  return !document.hidden && height > 0 && top < innerHeight && bottom > 0;
}

function statusOf(machineId) {
  return rows.get(machineId)?.machine.status;
}

/** The other branches of the chain, as far as they are known here. */
function showOthers() {
  const items = siblings.map((branch) => {
    const name = element("span", { className: "name", textContent: branch.name, dir: "auto" });
    return element("li", {}, name, element("span", { className: "state", textContent: howItStands(branch) }));
  });
  page.others.querySelector("ul").replaceChildren(...items);
  page.others.hidden = items.length === 0;
}

/** What a branch told last; of one that is silent nothing is known, however many machines it has. */
function howItStands({ open, asOf, categories }) {
  const sum = (what) => categories.reduce((all, one) => all + one[what], 0);
  const [free, all, unknown, silence] = [sum("free"), sum("total"), sum("unknown"), age.since(asOf)];
  if (unknown === all) return asOf && age.known && silence > SILENT ? t("phone.other_silent", { span: spanOf(silence) }) : t("phone.other_unknown");
  if (!open && age.known) return t("phone.other_closed");
  return t(unknown ? "phone.other_partly" : "phone.other", { free, all, unknown, time: age.at(asOf) });
}

function build(machines) {
  rows.clear();
  sections.clear();
  for (const machine of machines) {
    const { category } = machine;
    if (!sections.has(category)) sections.set(category, new Section(category, names.get(category) ?? category, () => mine.waitFor(category).then(count)));
    rows.set(machine.machineId, new Row(machine, sections.get(category).list, arrange));
  }
  page.machines.replaceChildren(...[...sections.values()].map((section) => section.all));
  page.categories.replaceChildren(...[...sections.values()].map((section) => section.link));
  find();
}

/** Favourites first, everything else by category; in each what is free first, then in the order of the branch. */
function arrange() {
  const lists = new Map([[liked, []], ...[...sections.values()].map((section) => [section.list, []])]);
  const isTaken = ({ machine }) => machine.status !== "free";
  for (const row of [...rows.values()].sort((one, other) => isTaken(one) - isTaken(other))) {
    row.mark();
    lists.get(row.isLiked ? liked : row.home).push(row.all);
  }
  const focused = document.activeElement;
  for (const [list, items] of lists) {
    if ([...list.children].some((one, place) => one !== items[place]) || list.children.length !== items.length) list.replaceChildren(...items);
  }
  if (focused !== document.activeElement) focused.focus({ preventScroll: true });
  hideEmpty();
}

/** Shows what is looked for: by a piece of its name or of its category's. */
function find() {
  const wanted = plain(page.search.value);
  for (const { all, machine } of rows.values()) {
    all.hidden = !plain(`${machine.name} ${names.get(machine.category) ?? machine.category}`).includes(wanted);
  }
  hideEmpty();
}

/** What has no machine to show is not there; nor does anything lead to it. */
function hideEmpty() {
  const shown = (part) => part.querySelector("li:not([hidden])") !== null;
  for (const { all, link } of sections.values()) all.hidden = link.hidden = !shown(all);
  page.favourites.hidden = !shown(page.favourites);
  page.nothing.hidden = rows.size === 0 || [...rows.values()].some(({ all }) => !all.hidden);
}

/** Without capitals, accents and wide letters: nobody means them on a phone. */
function plain(text) {
  return text.trim().normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function count() {
  let free = 0;
  for (const [id, section] of sections) {
    const here = [...rows.values()].map((row) => row.machine).filter((machine) => machine.category === id);
    free += section.show(here, mine.waitsFor(id));
  }
  const all = rows.size;
  const counts = [element("strong", { textContent: t("phone.free_now", { free }) }), ` ${t("phone.of_all", { all })}`];
  page.summary.replaceChildren(...(isOpen ? counts : [t("phone.closed")]));
  announce(isOpen ? t("common.free_of_all", { free, all }) : t("phone.closed"));
}

/** To screen readers, but not with every change; the newest is always said. */
function announce(text) {
  counted = text;
  if (announcing === null) speak();
}

function speak() {
  announcing = counted === null ? null : setTimeout(speak, ANNOUNCE);
  if (counted !== null) put(page.announcement, counted);
  counted = null;
}
