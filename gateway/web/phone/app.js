// The page of a member: every machine by category, as it stands now.

import { Live } from "/web/phone/live.js";
import { likes, toggle } from "/web/phone/favourites.js";
import { SIGNS, WORDS, WHY, ageOf } from "/web/phone/words.js";

const ANNOUNCE = 15_000; // ms between two announcements to screen readers
const AGES = 15_000; // ms between two renewals of the ages

const machines = new Map(); // id → { machine, row, sign, word, rest }
const categories = new Map(); // id → { heading, label, count, badge, list }
const names = new Map(); // category id → its name
const page = Object.fromEntries(
  ["branch", "summary", "categories", "search", "nothing", "notice", "machines", "announcement", "favourites"].map((id) => [id, document.getElementById(id)]),
);
let ahead = 0; // seconds that the gateway's clock is ahead of ours
let agesAreKnown = false;
let connected = false;
let heardAt = null; // when anything was heard last, by our clock
let announcedAt = -Infinity;

const live = new Live({
  snapshot(message) {
    ahead = message.asOf - Date.now() / 1000;
    agesAreKnown = message.clock !== "unsynchronised";
    const known = [...machines.keys()].join() === message.machines.map((machine) => machine.machineId).join();
    if (!known) build(message.machines);
    message.machines.forEach(show);
    page.machines.removeAttribute("aria-busy");
    count();
  },
  update(message) {
    const entry = machines.get(message.machineId);
    if (!entry) return;
    show({ ...entry.machine, ...message });
    count();
  },
  up() {
    heardAt = new Date();
    connected = true;
    document.body.classList.remove("old");
    say(agesAreKnown || machines.size === 0 ? "" : "The gateway does not know the time yet, so it shows no ages.");
  },
  down() {
    connected = false;
    document.body.classList.add("old");
    say(heardAt ? `No connection, data from ${clock(heardAt)}` : "No connection to the gym yet.");
  },
});

page.search.addEventListener("input", find);
nameThings();
live.open();
setInterval(() => machines.forEach(age), AGES);

/** Names of the branch and its categories; the snapshot has all the rest. */
async function nameThings() {
  try {
    const reply = await fetch("/branches");
    const branch = (await reply.json()).branches.find((one) => one.source === "local");
    page.branch.textContent = document.title = branch.name;
    for (const { category, name } of branch.categories) {
      names.set(category, name);
      const entry = categories.get(category);
      if (entry) entry.heading.textContent = entry.label.textContent = name;
    }
  } catch {
    setTimeout(nameThings, 5_000);
  }
}

function build(list) {
  machines.clear();
  categories.clear();
  page.machines.replaceChildren();
  page.categories.replaceChildren();
  for (const machine of list) {
    const category = categories.get(machine.category) ?? addCategory(machine.category);
    addMachine(machine, category);
  }
  arrange();
  find();
}

function addCategory(id) {
  const name = names.get(id) ?? id;
  const entry = {
    heading: element("h2", { id: `category-${id}`, textContent: name }),
    label: element("span", { textContent: name }),
    count: element("p"),
    badge: element("b"),
    list: element("ul"),
  };
  // Safari forgets that a list without bullets is one.
  entry.list.setAttribute("role", "list");
  const section = element("section", {}, element("div", {}, entry.heading, entry.count), entry.list);
  section.setAttribute("aria-labelledby", entry.heading.id);
  page.machines.append(section);
  page.categories.append(element("a", { href: `#category-${id}` }, entry.label, " ", entry.badge));
  categories.set(id, entry);
  return entry;
}

function addMachine(machine, category) {
  const entry = { machine, sign: element("span", { className: "sign" }), word: element("b"), rest: element("span") };
  entry.sign.setAttribute("aria-hidden", "true");
  entry.row = element(
    "li", {}, entry.sign,
    element("a", { className: "name", href: `/m/${machine.machineId}`, textContent: machine.name, dir: "auto" }),
    element("span", { className: "state" }, entry.word, entry.rest),
  );
  entry.row.dataset.machine = machine.machineId;
  entry.star = element("button", { type: "button", className: "star", onclick: () => like(machine.machineId) });
  entry.star.setAttribute("aria-label", `Favourite: ${machine.name}`);
  entry.row.append(entry.star);
  entry.home = category.list;
  machines.set(machine.machineId, entry);
}

function like(machineId) {
  toggle(machineId);
  arrange();
  machines.get(machineId).star.focus(); // it has moved
}

/** Favourites first, everything else by category; each in the order of the branch. */
function arrange() {
  const lists = new Map([[page.favourites.querySelector("ul"), []], ...[...categories.values()].map(({ list }) => [list, []])]);
  for (const [id, entry] of machines) {
    const liked = likes(id);
    entry.star.setAttribute("aria-pressed", liked);
    entry.star.textContent = liked ? "★" : "☆";
    lists.get(liked ? page.favourites.querySelector("ul") : entry.home).push(entry.row);
  }
  for (const [list, rows] of lists) list.replaceChildren(...rows);
  hideEmpty();
}

/** Shows what is looked for: by a piece of its name or of its category's. */
function find() {
  const wanted = plain(page.search.value);
  for (const { row, machine } of machines.values()) {
    row.hidden = !plain(`${machine.name} ${names.get(machine.category) ?? machine.category}`).includes(wanted);
  }
  hideEmpty();
}

function hideEmpty() {
  const sections = [page.favourites, ...[...categories.values()].map(({ list }) => list.closest("section"))];
  for (const section of sections) section.hidden = !section.querySelector("li:not([hidden])");
  page.nothing.hidden = machines.size === 0 || sections.some((section) => !section.hidden);
}

/** Without capitals and accents: nobody types them on a phone. */
function plain(text) {
  return text.trim().normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function show(machine) {
  const entry = machines.get(machine.machineId);
  entry.machine = machine;
  entry.row.dataset.status = machine.status;
  entry.sign.textContent = SIGNS[machine.status] ?? "?";
  entry.word.textContent = WORDS[machine.status] ?? machine.status;
  age(entry);
}

/** Since when it is so; for an unknown one rather why. */
function age(entry) {
  const { status, cause, lastChange } = entry.machine;
  const parts = [];
  if (status === "unknown" && WHY[cause]) parts.push(WHY[cause]);
  else if (agesAreKnown) parts.push(ageOf(elapsed(lastChange)));
  entry.rest.textContent = parts.map((part) => ` · ${part}`).join("");
}

/** Seconds since then; what we do not hear of does not age. */
function elapsed(since) {
  const now = connected || !heardAt ? Date.now() : heardAt;
  return Math.max(0, now / 1000 + ahead - since);
}

function count() {
  let free = 0;
  for (const [id, entry] of categories) {
    const here = [...machines.values()].filter(({ machine }) => machine.category === id);
    const ready = here.filter(({ machine }) => machine.status === "free").length;
    const unknown = here.filter(({ machine }) => machine.status === "unknown").length;
    entry.count.textContent = `${ready} of ${here.length} free${unknown ? `, ${unknown} unknown` : ""}`;
    entry.badge.textContent = ready;
    entry.badge.classList.toggle("none", ready === 0);
    free += ready;
  }
  page.summary.replaceChildren(element("strong", { textContent: `${free} free` }), ` of ${machines.size} machines`);
  announce(`${free} of ${machines.size} machines are free`);
}

/** To screen readers, but not with every change. */
function announce(text) {
  if (performance.now() - announcedAt < ANNOUNCE) return;
  announcedAt = performance.now();
  page.announcement.textContent = text;
}

function say(text) {
  if (page.notice.textContent !== text) page.notice.textContent = text;
  page.notice.hidden = !text;
}

function clock(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
