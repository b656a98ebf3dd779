// Ringing while the page is open: sound, vibration, title. Browsers let a page sound after a tap only.

const TONES = [880, 1174.66, 880, 1174.66]; // Hz
const EACH = 0.22; // seconds
const VIBRATE = [300, 150, 300, 150, 600]; // ms on, off, on …
const BLINK = 1_000; // ms between two titles

let audio = null;
let blinking = null;
const title = document.title;

/** To be called in a tap: from then on the page may sound. */
export function unlock() {
  audio ??= "AudioContext" in window ? new AudioContext() : null;
  audio?.resume();
}

export function ring(text) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATE); // before a tap it is refused
  sound();
  clearInterval(blinking);
  let on = false;
  blinking = setInterval(() => (document.title = (on = !on) ? `🔔 ${text}` : title), BLINK);
  document.title = `🔔 ${text}`;
}

export function hush() {
  clearInterval(blinking);
  document.title = title;
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
