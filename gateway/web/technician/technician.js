// The technician's page: the key at the door, the views behind it, and what they have in common.

import { GONE, Refused, ask, told } from "./ask.js";
import { Events } from "./events.js";
import { Health } from "./health.js";
import { drop, keep, key } from "./key.js";
import { Machines } from "./machines.js";
import { Poll } from "./poll.js";
import { Live as Samples, about } from "./sensor.js";
import { Sensors } from "./sensors.js";
import { Teaching } from "./teaching.js";
import { Versions } from "./versions.js";
import { hold, set } from "./when.js";
import { put } from "../shared/dom.js";
import { Live } from "../shared/live.js";
import { clock, t } from "../shared/words.js";

const LOOK_EACH = 5_000; // ms between two looks at the sensors and at the health
const AGES = 1_000; // ms between two renewals of the ages

const at = (id) => document.getElementById(id);
const [door, views, notice] = [at("door"), at("views"), at("notice")];
const sections = Object.fromEntries(["sensors", "sensor", "machines", "health", "events"].map((id) => [id, at(id)]));
const machines = new Map(); // machine id → what the stream says of it
const nameOf = (id) => machines.get(id)?.name ?? id;
const sensors = new Sensors(sections.sensors, nameOf);
const service = new Machines(sections.machines);
const health = new Health(sections.health);
const events = new Events(sections.events, nameOf);
const samples = new Samples(sections.sensor);
const versions = new Versions(sections.sensor, { counts: (calibration) => samples.judgeBy(calibration), changed: () => looks.sensors.now() });
const teaching = new Teaching(sections.sensor, { found: (calibration) => samples.offer(calibration), applied: () => versions.look().then(() => looks.sensors.now()) });
let watched = null; // the id of the sensor that is looked at
let rows = [];
let isLive = false; // whether the stream was ever opened
let isUp = true;
let heardAt = Date.now() / 1000; // by our clock
let clockIsRight = true;

const looks = {
  sensors: new Poll(look, LOOK_EACH, failed),
  health: new Poll(() => health.look(), LOOK_EACH, failed),
};

const live = new Live({
  snapshot(message) {
    clockIsRight = message.clock !== "unsynchronised";
    machines.clear();
    for (const machine of message.machines) machines.set(machine.machineId, machine);
    service.show(message.machines);
    sensors.show(rows);
    events.begin(message.id);
  },
  update(message) {
    machines.set(message.machineId, { ...machines.get(message.machineId), ...message });
    service.update(message);
    events.ring();
  },
  up() {
    heardAt = Date.now() / 1000;
    if (!isUp) looks.sensors.now();
    isUp = true;
    document.body.classList.remove("old");
    say(clockIsRight ? "" : t("common.no_clock"));
  },
  down() {
    isUp = false;
    hold();
    document.body.classList.add("old");
    say(t("common.cut_off_since", { time: clock(heardAt) }));
  },
});

door.addEventListener("submit", enter);
document.addEventListener(GONE, ({ detail }) => leave(t(`technician.${detail}`)));
at("leave").addEventListener("click", () => { drop(); leave(""); });
addEventListener("hashchange", () => key() && route(true));
setInterval(renew, AGES);
if (key()) open();
else leave("");

// --- the door ----------------------------------------------------------------------------------

async function enter(event) {
  event.preventDefault();
  const secret = at("key").value.trim();
  const press = door.querySelector("button");
  if (!/^[\x21-\x7e]+$/.test(secret)) return put(at("refused"), t("technician.key_wrong")); // no header takes it
  press.disabled = true;
  try {
    await allowed(secret);
    keep(secret, at("remember").checked);
    open(true);
  } catch (error) {
    put(at("refused"), error.status === 401 ? t("technician.key_wrong") : error.status === 403 ? t("technician.key_role") : told(error));
  } finally {
    press.disabled = false;
  }
}

/** Throws Refused where that key may not see sensors; nothing is kept. */
async function allowed(secret) {
  const reply = await fetch("/sensors", { headers: { Authorization: `Bearer ${secret}` }, cache: "no-store" });
  if (!reply.ok) throw new Refused(reply.status, await reply.json().catch(() => ({})));
}

function open(focus = false) {
  at("key").value = "";
  put(at("refused"), "");
  door.hidden = true;
  views.hidden = false;
  if (!isLive) live.start();
  isLive = true;
  looks.sensors.start();
  route(focus);
}

/** Nothing that a key has shown stays. */
function leave(why) {
  Object.values(looks).forEach((one) => one.stop());
  for (const section of Object.values(sections)) section.hidden = true;
  watch(null);
  rows = [];
  sensors.show(rows);
  events.show(false);
  events.forget();
  health.forget();
  views.hidden = true;
  door.hidden = false;
  put(at("refused"), why);
  at("key").focus();
}

// --- the views ---------------------------------------------------------------------------------

function route(focus) {
  const [name, ...rest] = location.hash.slice(1).split("/");
  const view = name in sections ? name : "sensors";
  for (const [id, section] of Object.entries(sections)) section.hidden = id !== view;
  for (const link of views.querySelectorAll("a")) mark(link, link.hash === `#${view === "sensor" ? "sensors" : view}`);
  watch(view === "sensor" ? decoded(rest.join("/")) : null);
  view === "health" ? looks.health.start() : looks.health.stop();
  events.show(view === "events");
  const title = sections[view].querySelector("h2");
  document.title = `${title.textContent} · ${t("technician.title")}`;
  if (focus) title.focus();
}

function mark(link, isHere) {
  if (isHere) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** The sensor that is looked at; null: none. */
function watch(sensorId) {
  if (sensorId === watched) return;
  watched = sensorId;
  put(at("sensor-title"), sensorId ?? "");
  samples.show(null);
  teaching.show(null);
  versions.show(null);
  sections.sensor.querySelector("#about dl").replaceChildren();
  if (sensorId !== null) watchKnown();
}

/** Once it is known to be one: there is nothing to ask of another. */
function watchKnown() {
  const row = rows.find((one) => one.sensorId === watched);
  const { sensor } = sections;
  sensor.querySelector(".missing").hidden = rows.length === 0 || Boolean(row);
  sensor.querySelector(".columns").hidden = !row;
  if (!row) return samples.show(null);
  describe(row);
  samples.show(watched);
  teaching.show(watched);
  versions.show(watched).catch(failed);
}

function describe(row) {
  if (!row) return;
  teaching.know(row);
  about(sections.sensor.querySelector("#about dl"), row, nameOf(row.machineId));
}

async function look() {
  const { asOf, sensors: found } = await ask("GET", "/sensors");
  if (!key()) return;
  set(asOf);
  const before = rows.find((one) => one.sensorId === watched);
  rows = found;
  sensors.show(rows);
  if (isUp && !notice.hidden) say(clockIsRight ? "" : t("common.no_clock"));
  if (watched === null) return;
  const after = rows.find((one) => one.sensorId === watched);
  if (!before || !after) return watchKnown();
  if (before.calibrationVersion !== after.calibrationVersion) versions.look().catch(failed);
  describe(after);
}

function renew() {
  if (document.hidden || !key()) return;
  sensors.renew();
  if (watched !== null) describe(rows.find((one) => one.sensorId === watched));
}

// --- what is told ------------------------------------------------------------------------------

function failed(error) {
  if (key() && isUp) say(told(error));
}

function say(text) {
  put(notice, text);
  notice.hidden = !text;
}
