// Ringing while a page is open: sound, vibration, title. Browsers let a page sound after a tap only.

import { t } from "../shared/words.js";

const TONES = [880, 1174.66, 880, 1174.66]; // Hz
const EACH = 0.22; // seconds
const VIBRATE = [300, 150, 300, 150, 600]; // ms on, off, on …
const BLINK = 1_000; // ms between two titles
const BIDS = 200; // ms in which our other tabs say that they would sound rather
const MOST_BIDS = 50; // firings at once, of a phone that may wait for twenty machines

let audio = null;
let listening = false; // for the next tap
let act = quieten; // what is done with a firing that was seen in another tab
const blinking = new Map(); // firing id → timer
const bids = new Map(); // firing id → the best bid of another tab
const title = document.title;
const others = "BroadcastChannel" in window ? new BroadcastChannel("rings") : null;

if (others) others.onmessage = ({ data: { firingId, bid } }) => (bid ? hear(firingId, bid) : act(firingId));

/** Whether a tap is needed before it can sound. */
export const isMute = () => "AudioContext" in window && audio?.state !== "running";

/** To be called in a tap: from then on the page may sound. */
export async function unlock() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  await audio?.resume();
}

/** After a reload the first tap or key anywhere unlocks the sound again, for who waits; `then` is called after it. */
export function unlockAtNextTap(then) {
  if (listening || !isMute()) return;
  listening = true;
  const taken = () => unlock().then(then);
  for (const one of ["pointerup", "keydown"]) addEventListener(one, taken, { once: true }); // a finger's pointerdown unlocks nothing
}

/** Until it is hushed; the same firing rings once. */
export function ring(firingId, name) {
  if (!blinking.has(firingId)) begin(firingId, name);
}

function begin(firingId, name) {
  bidFor(firingId);
  const text = `🔔 ${t("alert.rings", { name })}`;
  let on = true;
  document.title = text;
  blinking.set(firingId, setInterval(() => (document.title = (on = !on) ? text : title), BLINK));
}

/** Go, as long as that is true: somebody else may be quicker, or the sensor gone, for a moment or for good. */
export function toldOf({ firingId, name }, status) {
  if (status === "free") {
    if (blinking.get(firingId) === null) begin(firingId, name);
    return t("alert.go", { name });
  }
  calm(firingId);
  return t(status === "occupied" ? "alert.missed" : "alert.unsure", { name });
}

/** Nothing calls for it any more, but it stays until it was seen. */
function calm(firingId) {
  clearInterval(blinking.get(firingId));
  blinking.set(firingId, null);
  rest();
}

/** In this tab and in all others of this browser. */
export function hush(firingId) {
  quieten(firingId);
  others?.postMessage({ firingId });
}

/** `told(firingId)` is called when another tab has said that it was seen. */
export function onHushed(told) {
  act = (firingId) => {
    quieten(firingId);
    told(firingId);
  };
}

/** One tab sounds, however many are open: one that may, before all that is looked at, then by lot. */
function bidFor(firingId) {
  const bid = (isMute() ? 0 : 2) + (document.hidden ? 0 : 1) + Math.random();
  others?.postMessage({ firingId, bid });
  setTimeout(() => {
    if (!blinking.get(firingId) || bids.get(firingId) > bid) return;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATE); // before a tap it is refused
    if (!sound()) return;
    hear(firingId, Infinity);
    others?.postMessage({ firingId, bid: Infinity }); // whoever hears of it from now on bids in vain
  }, BIDS);
}

function hear(firingId, bid) {
  if (bids.size >= MOST_BIDS) bids.clear();
  bids.set(firingId, Math.max(bid, bids.get(firingId) ?? 0));
}

function quieten(firingId) {
  clearInterval(blinking.get(firingId));
  blinking.delete(firingId);
  bids.delete(firingId);
  rest();
}

function rest() {
  if ([...blinking.values()].every((timer) => timer === null)) document.title = title;
}

/** Whether it does. */
function sound() {
  if (audio?.state !== "running") return false;
  TONES.forEach((tone, number) => {
    const oscillator = audio.createOscillator(), volume = audio.createGain();
    const begin = audio.currentTime + number * EACH;
    oscillator.frequency.value = tone;
    volume.gain.setValueAtTime(0.3, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + EACH);
    oscillator.connect(volume).connect(audio.destination);
    oscillator.start(begin);
    oscillator.stop(begin + EACH);
  });
  return true;
}
