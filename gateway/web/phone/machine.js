// A machine's page: what the gateway wrote into it, kept true while it is open.

import { Live } from "/web/phone/live.js";
import { SIGNS, WORDS, WHY, ageOf } from "/web/phone/words.js";

const AGES = 15_000; // ms between two renewals of the age
const found = (id) => document.getElementById(id);
const row = document.querySelector("[data-status]");
const id = found("machine").dataset.machine;
let machine = null;
let ahead = 0; // seconds that the gateway's clock is ahead of ours
let agesAreKnown = false;
let heardAt = null; // when anything was heard last, by our clock

const live = new Live({
  snapshot(message) {
    ahead = message.asOf - Date.now() / 1000;
    agesAreKnown = message.clock !== "unsynchronised";
    machine = message.machines.find((one) => one.machineId === id) ?? null;
    if (machine) show();
    else say("This machine is no longer here.");
  },
  update(message) {
    if (message.machineId !== id || !machine) return;
    machine = { ...machine, ...message };
    show();
  },
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

function show() {
  row.dataset.status = machine.status;
  row.querySelector(".sign").textContent = SIGNS[machine.status] ?? "?";
  put("word", WORDS[machine.status] ?? machine.status);
  const why = machine.status === "unknown" ? WHY[machine.cause] : undefined;
  put("rest", why ?? (agesAreKnown ? ageOf(Date.now() / 1000 + ahead - machine.lastChange) : ""));
}

/** A screen reader hears of what has changed, and of nothing else. */
function put(name, text) {
  if (found(name).textContent !== text) found(name).textContent = text;
}

function say(text) {
  put("notice", text);
  found("notice").hidden = !text;
}
