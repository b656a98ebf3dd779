// A sensor's samples as the gateway sends them: a stream that is opened again for ever.

import { open } from "./ask.js";

const SILENCE = 25_000; // ms without a word: two of the gateway's beats are missing
const STALE = 12_000; // ms without one, after which a page that is looked at again opens anew
const AGAIN = [500, 15_000]; // ms to the next try: doubling, within these, never given up
const PATIENCE = 3_000; // ms without a link before it is told: streams end each ten minutes
const LONGEST = 2 ** 20; // characters of one event; a radar's sample has 400

export class SampleStream {
  #path;
  #tell;
  #abort = null;
  #wait = AGAIN[0];
  #timers = {};
  #heardAt = 0;
  #wake = () => {};
  #look = () => document.hidden || performance.now() - this.#heardAt < STALE || this.#again();
  #online = () => this.#again();

  /** `tell` has `sample(sample)`, `up()` and `down()`. */
  constructor(sensorId, tell) {
    this.#path = `/sensors/${encodeURIComponent(sensorId)}/samples`;
    this.#tell = tell;
    document.addEventListener("visibilitychange", this.#look);
    addEventListener("online", this.#online);
    this.#run();
  }

  close() {
    this.#tell = null;
    document.removeEventListener("visibilitychange", this.#look);
    removeEventListener("online", this.#online);
    Object.values(this.#timers).forEach(clearTimeout);
    this.#again();
  }

  async #run() {
    while (this.#tell) {
      await this.#read().catch(() => {}); // whatever ended it: the next try tells whether it lasts
      if (!this.#tell) return;
      this.#timers.down ??= setTimeout(() => this.#tell?.down(), PATIENCE);
      await this.#pause(this.#wait * (0.5 + Math.random()));
      this.#wait = Math.min(2 * this.#wait, AGAIN[1]);
    }
  }

  async #read() {
    this.#abort = new AbortController();
    this.#expect();
    const reply = await open(this.#path, this.#abort.signal);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !this.#tell) return;
      this.#heard();
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      if (rest.length > LONGEST) throw new Error("an event without an end");
      events.forEach((event) => this.#pass(event));
    }
  }

  #pass(event) {
    const lines = event.split("\n");
    const data = lines.find((line) => line.startsWith("data: "));
    if (lines.includes("event: sample") && data) this.#tell?.sample(JSON.parse(data.slice(6)));
  }

  #heard() {
    this.#heardAt = performance.now();
    this.#wait = AGAIN[0];
    clearTimeout(this.#timers.down);
    this.#timers.down = undefined;
    this.#tell.up();
    this.#expect();
  }

  #expect() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#abort?.abort(), SILENCE);
  }

  #pause(wait) {
    return new Promise((done) => {
      this.#wake = done;
      this.#timers.again = setTimeout(done, wait);
    });
  }

  #again() {
    this.#abort?.abort();
    this.#wake();
  }
}
