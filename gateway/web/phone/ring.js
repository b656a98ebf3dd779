// Ringing while a page is open: sound, vibration, title. Browsers let a page sound after a tap only.

import { t } from "../shared/words.js";

const TONES = [880, 1174.66, 880, 1174.66]; // Hz
const EACH = 0.22; // seconds
const VIBRATE = [300, 150, 300, 150, 600]; // ms on, off, on …
const BLINK = 1_000; // ms between two titles

let audio = null;
const blinking = new Map(); // firing id → timer
const title = document.title;
const others = "BroadcastChannel" in window ? new BroadcastChannel("rings") : null;

/** To be called in a tap: from then on the page may sound. */
export function unlock() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  audio?.resume();
}

/** After a reload the first tap anywhere unlocks the sound again, for who waits. */
export function unlockAtNextTap() {
  if (audio?.state !== "running") addEventListener("pointerdown", unlock, { once: true });
}

/** Until it is hushed; the same firing rings once. */
export function ring(firingId, name) {
  if (blinking.has(firingId)) return;
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATE); // before a tap it is refused
  sound();
  const text = `🔔 ${t("alert.rings", { name })}`;
  let on = true;
  document.title = text;
  blinking.set(firingId, setInterval(() => (document.title = (on = !on) ? text : title), BLINK));
}

/** In this tab and in all others of this browser. */
export function hush(firingId) {
  quieten(firingId);
  others?.postMessage(firingId);
}

/** `act(firingId)` is called when another tab has said that it was seen. */
export function onHushed(act) {
  if (others) others.onmessage = ({ data }) => {
    quieten(data);
    act(data);
  };
}

function quieten(firingId) {
  clearInterval(blinking.get(firingId));
  blinking.delete(firingId);
  if (blinking.size === 0) document.title = title;
}

function sound() {
  if (audio?.state !== "running") return;
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
}
