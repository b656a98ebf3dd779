// A machine's page: what the gateway wrote into it, kept true while it is open.

import { Live } from "/web/phone/live.js";
import { TellMe } from "/web/phone/tell-me.js";
import { inWords, look, strip, week } from "/web/phone/usual.js";
import { SIGNS, WORDS, WHY, ageOf } from "/web/phone/words.js";

const AGES = 15_000; // ms between two renewals of the age
const found = (id) => document.getElementById(id);
const row = document.querySelector("[data-status]");
const id = found("machine").dataset.machine;
const LOOKS = 60_000; // ms between two questions what is foretold
const MOST_OTHERS = 6; // free ones of the same kind: a screen of a phone
let machine = null;
let lookedFor = null; // the status and since when, as of which the chance was asked
let all = new Map(); // id → machine
let ahead = 0; // seconds that the gateway's clock is ahead of ours
let agesAreKnown = false;
let heardAt = null; // when anything was heard last, by our clock

const tellMe = new TellMe(id, () => live.open()); // a new member's stream is another one
const live = new Live({
  snapshot(message) {
    ahead = message.asOf - Date.now() / 1000;
    agesAreKnown = message.clock !== "unsynchronised";
    all = new Map(message.machines.map((one) => [one.machineId, one]));
    machine = all.get(id) ?? null;
    if (machine) show();
    else say("This machine is no longer here.");
  },
  update(message) {
    all.set(message.machineId, { ...all.get(message.machineId), ...message });
    machine = all.get(id) ?? null;
    if (machine) show();
  },
  alert: (message) => tellMe.rung(message),
  up() {
    heardAt = new Date();
    document.body.classList.remove("old");
    if (machine) say("");
  },
  down() {
    document.body.classList.add("old");
    const since = heardAt?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    say(since ? `No connection, data from ${since}` : "No connection to the gym yet.");
  },
});
live.open();
setInterval(() => machine && show(), AGES);
setInterval(foresee, LOOKS);

function show() {
  row.dataset.status = machine.status;
  row.querySelector(".sign").textContent = SIGNS[machine.status] ?? "?";
  put("word", WORDS[machine.status] ?? machine.status);
  const why = machine.status === "unknown" ? WHY[machine.cause] : undefined;
  tellMe.show(machine.status);
  showOthers();
  const asked = `${machine.status} ${machine.lastChange}`;
  if (asked !== lookedFor) foresee(asked);
  put("rest", why ?? (agesAreKnown ? ageOf(Date.now() / 1000 + ahead - machine.lastChange) : ""));
}

/** The chance is that of this moment: what was foretold before a change is taken away at once. */
async function foresee(asked = lookedFor) {
  if (!machine || document.hidden) return;
  if (asked !== lookedFor) found("chance").hidden = true;
  lookedFor = asked;
  const told = await look(id).catch(() => null);
  if (asked !== lookedFor) return;
  const useful = told?.chance != null && machine.status !== "free" && machine.status !== "out_of_service";
  if (useful) put("chance", inWords(told.chance));
  found("chance").hidden = !useful;
  found("usual").hidden = !told?.today;
  if (!told?.today) return;
  document.querySelector(".strip").replaceChildren(strip(told.today, told.now));
  document.querySelector(".week").replaceChildren(week(told.days));
  document.querySelector(".quietest").textContent = told.quietest.length ? `Quietest around ${told.quietest.join(", ")}` : "";
}

/** What else is free of its kind, where it is not. */
function showOthers() {
  const free = [...all.values()].filter((one) => one.category === machine.category && one.status === "free");
  const wanted = machine.status === "free" ? [] : free.slice(0, MOST_OTHERS);
  const names = wanted.map((one) => one.machineId).join();
  if (found("others").dataset.names === names) return;
  found("others").dataset.names = names;
  const list = element("ul", {}, ...wanted.map(other));
  list.setAttribute("role", "list");
  const title = element("h2", { textContent: "Free of the same kind" });
  found("others").replaceChildren(...(wanted.length ? [element("section", {}, title, list)] : []));
}

function other({ machineId, name }) {
  const sign = element("span", { className: "sign", textContent: SIGNS.free, ariaHidden: "true" });
  const link = element("a", { className: "name", dir: "auto", href: `/m/${machineId}`, textContent: name });
  const row = element("li", {}, sign, link, element("span", { className: "state", textContent: WORDS.free }));
  row.dataset.status = "free";
  return row;
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A screen reader hears of what has changed, and of nothing else. */
function put(name, text) {
  if (found(name).textContent !== text) found(name).textContent = text;
}

function say(text) {
  put("notice", text);
  found("notice").hidden = !text;
}
