// A machine's page: what the gateway wrote into it, kept true while it is open.

import { wrong } from "./alerts.js";
import { age, doing, keepHere, say } from "./page.js";
import { TellMe } from "./tell-me.js";
import { inWords, look, quietest, strip, week } from "./usual.js";
import { element, list, put } from "../shared/dom.js";
import { Live } from "../shared/live.js";
import { SIGNS, ageOf, statusOf, t, whyOf } from "../shared/words.js";

const AGES = 15_000; // ms between two renewals of the age
const LOOKS = 60_000; // ms between two questions what is foretold
const MOST_OTHERS = 6; // free ones of the same kind: a screen of a phone
const found = (id) => document.getElementById(id);
const row = document.querySelector("[data-status]");
const id = found("machine").dataset.machine;
let machine = null;
let lookedFor = null; // the status and since when, as of which the chance was asked
let all = new Map(); // id → machine

const tellMe = new TellMe(id, () => live.open(), (other) => all.get(other)?.status); // a new member's stream is another one
const live = new Live({
  snapshot(message) {
    age.snapshot(message);
    all = new Map(message.machines.map((one) => [one.machineId, one]));
    machine = all.get(id) ?? null;
    found("machine").classList.toggle("gone", !machine);
    if (machine) show();
    else leave();
    tellMe.look();
  },
  update(message) {
    all.set(message.machineId, { ...all.get(message.machineId), ...message });
    machine = all.get(id) ?? null;
    if (machine) show();
  },
  alert: (message) => tellMe.rung(message),
  up() {
    age.up();
    if (machine) say("");
  },
  down: () => age.down(),
});
live.start();
keepHere();
setInterval(() => machine && show(), AGES);
setInterval(() => {
  foresee();
  tellMe.renew();
}, LOOKS);
found("wrong").querySelector("button").addEventListener("click", ({ currentTarget }) => {
  const told = found("wrong").querySelector("span");
  doing(currentTarget, told, async () => {
    await wrong(id);
    put(told, t("machine.wrong_thanks"));
  });
});

function show() {
  row.dataset.status = machine.status;
  put(row.querySelector(".sign"), SIGNS[machine.status] ?? "?");
  put(found("word"), statusOf(machine.status));
  tellMe.show(machine.status);
  showOthers();
  const asked = `${machine.status} ${machine.lastChange}`;
  if (asked !== lookedFor) foresee(asked);
  put(found("rest"), whyOf(machine) ?? (age.known ? ageOf(age.since(machine.lastChange)) : ""));
}

/** Nothing is said of it any more, and nobody can wait for it. */
function leave() {
  say(t("machine.gone"));
  tellMe.show("out_of_service");
}

/** The chance is that of this moment: what was foretold before a change is taken away at once. */
async function foresee(asked = lookedFor) {
  if (!machine || document.hidden) return;
  if (asked !== lookedFor) found("chance").hidden = true;
  lookedFor = asked;
  const told = await look(id).catch(() => null);
  if (asked !== lookedFor) return;
  const useful = told?.chance != null && machine.status !== "free" && machine.status !== "out_of_service";
  if (useful) put(found("chance"), inWords(told.chance));
  found("chance").hidden = !useful;
  found("usual").hidden = !told?.today;
  if (!told?.today) return;
  document.querySelector(".strip").replaceChildren(strip(told.today, told.now));
  document.querySelector(".week").replaceChildren(week(told.days));
  document.querySelector(".quietest").textContent = quietest(told.quietest);
}

/** What else is free of its kind, where it is not. */
function showOthers() {
  const free = [...all.values()].filter((one) => one.category === machine.category && one.status === "free");
  const wanted = machine.status === "free" ? [] : free.slice(0, MOST_OTHERS);
  const names = wanted.map((one) => one.machineId).join();
  if (found("others").dataset.names === names) return;
  found("others").dataset.names = names;
  const title = element("h2", { textContent: t("machine.others") });
  const section = element("section", {}, title, list(...wanted.map(other)));
  found("others").replaceChildren(...(wanted.length ? [section] : []));
}

function other({ machineId, name }) {
  const sign = element("span", { className: "sign", textContent: SIGNS.free, ariaHidden: "true" });
  const link = element("a", { className: "name", dir: "auto", href: `/m/${machineId}`, textContent: name });
  const row = element("li", {}, sign, link, element("span", { className: "state", textContent: statusOf("free") }));
  row.dataset.status = "free";
  return row;
}
