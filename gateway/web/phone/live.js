// The link to /stream: one EventSource, opened anew whenever it may be dead.

const SILENCE = 35_000; // ms without a word: three heartbeats are missing
const AGAIN = [1_000, 15_000]; // ms to the next try after a refusal: doubling, within these, never given up
const PATIENCE = 3_000; // ms without a link before anyone is told: a page that wakes up needs one

export class Live {
  #source = null;
  #timers = {};
  #wait = AGAIN[0];
  #tell;

  /** `tell` has `snapshot(message)`, `update(message)`, `up()`, `down()`, and may have `alert(message)`. */
  constructor(tell) {
    this.#tell = tell;
    addEventListener("pageshow", () => this.open());
    addEventListener("pagehide", () => this.#close());
    addEventListener("online", () => this.open());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.open()));
  }

  /** Begin anew: a stream that slept may be dead without an error, and its snapshot is small. */
  open() {
    this.#close();
    if (document.hidden) return;
    const source = (this.#source = new EventSource("/stream"));
    source.addEventListener("snapshot", (event) => this.#heard(() => this.#tell.snapshot(JSON.parse(event.data))));
    source.addEventListener("machine_update", (event) => this.#heard(() => this.#tell.update(JSON.parse(event.data))));
    source.addEventListener("alert", (event) => this.#heard(() => this.#tell.alert?.(JSON.parse(event.data))));
    source.addEventListener("heartbeat", () => this.#heard(() => {}));
    source.addEventListener("open", () => this.#heard(() => {}));
    source.addEventListener("error", () => this.#failed(source));
    this.#expect();
    this.#soonDown();
  }

  #heard(act) {
    act();
    this.#wait = AGAIN[0];
    clearTimeout(this.#timers.down);
    this.#timers.down = null;
    this.#tell.up();
    this.#expect();
  }

  #expect() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.open(), SILENCE);
  }

  #failed(source) {
    this.#soonDown();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    clearTimeout(this.#timers.again);
    this.#timers.again = setTimeout(() => this.open(), this.#wait * (0.5 + Math.random()));
    this.#wait = Math.min(2 * this.#wait, AGAIN[1]);
  }

  #soonDown() {
    this.#timers.down ??= setTimeout(() => this.#tell.down(), PATIENCE);
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timers.silence);
    clearTimeout(this.#timers.again);
  }
}
