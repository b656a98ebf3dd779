// The link to /stream: one EventSource in a browser, however many of our tabs are open.
//
// The tab that was looked at last leads: it has the stream and passes on what it hears. The newest
// claim wins; a leader that goes says so, and one that falls silent is followed by another. Where Web
// Locks are (a secure context), the leader holds one and the others wait for it: then a tab that crashed,
// or that the phone threw away, is followed at once.

const SILENCE = 35_000; // ms without a word: three heartbeats are missing
const ATTEMPT = 10_000; // ms without an answer: whoever is there answers at once, so it went into a dead connection
const AGAIN = [1_000, 15_000]; // ms to the next try after a refusal: doubling, within these, never given up
const PATIENCE = 3_000; // ms without a link before anyone is told: a page that wakes up needs one
const HANDOVER = 300; // ms within which one of the others takes over
const ANSWER = 1_500; // ms that a tab opened in the background waits for a leader
const SAID = ["snapshot", "machine_update", "alert", "heartbeat", "open"];

export class Live {
  #url;
  #tell;
  #channel = null;
  #claim = null; // [when, who]: since when we lead; null while another does
  #source = null;
  #timers = {};
  #wait = AGAIN[0];
  #waiting = null; // an AbortController, while we wait for the leader's lock
  #letGo = () => {}; // of the lock, as long as it is ours

  /** `tell` has `snapshot(message)`, `update(message)`, `up()`, `down()`, and may have `alert(message)`. */
  constructor(tell, url = "/stream") {
    this.#url = url;
    this.#tell = tell;
    if ("BroadcastChannel" in window) {
      this.#channel = new BroadcastChannel(`live ${url}`);
      this.#channel.onmessage = ({ data }) => this.#told(data);
    }
    addEventListener("pageshow", ({ persisted }) => persisted && this.open());
    addEventListener("pagehide", () => this.#leave());
    for (const change of ["online", "offline"]) addEventListener(change, () => this.#claim && this.#connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.open());
  }

  /** To be called once; a tab in the background first asks for who has the stream. */
  start() {
    if (!document.hidden || !this.#channel) return this.open();
    this.#channel.postMessage({ hello: true });
    this.#follow();
    this.#after("silence", ANSWER, () => this.open());
    this.#soonDown();
  }

  /** Lead, and begin anew: a stream that slept may be dead without an error, its snapshot is small. */
  open() {
    this.#claim = [Date.now(), Math.random()];
    this.#channel?.postMessage({ claim: this.#claim });
    this.#hold();
    this.#connect();
  }

  /** Taken from whoever has it; ours until another takes it, or until this tab is gone. Too late, it goes on to who waits. */
  #hold() {
    const held = () => this.#claim && new Promise((done) => (this.#letGo = done));
    if (this.#channel) navigator.locks?.request(this.#channel.name, { steal: true }, held).catch(() => {}); // taken
  }

  /** In line for the lock, once: whoever gets it has outlived the leader. */
  #follow() {
    if (this.#waiting || !navigator.locks) return;
    const { signal } = (this.#waiting = new AbortController());
    const outlived = () => {
      this.#waiting = null;
      if (!this.#claim) this.open();
    };
    navigator.locks.request(this.#channel.name, { signal }, outlived).catch(() => {}); // this tab leaves
  }

  #told({ claim, hello, gone, down, name, text }) {
    if (claim) this.#yield(claim);
    else if (hello) this.#claim && this.#connect();
    else if (gone) this.#after("silence", Math.random() * HANDOVER, () => this.open());
    else if (!this.#claim && down) this.#tell.down();
    else if (!this.#claim) this.#heard(name, text);
  }

  /** Another leads now; unless our claim is the newer one, of which it has to hear. */
  #yield(claim) {
    const [at, who] = this.#claim ?? [0, 0];
    if (at > claim[0] || (at === claim[0] && who > claim[1])) {
      this.#channel.postMessage({ claim: this.#claim });
      return;
    }
    this.#claim = null;
    setTimeout(this.#letGo, HANDOVER); // by then it is taken, or ours came after the leader's
    this.#close();
    this.#follow();
    this.#expect();
  }

  #connect() {
    this.#close();
    const source = (this.#source = new EventSource(this.#url));
    for (const name of SAID) source.addEventListener(name, ({ data }) => this.#pass(name, data));
    source.addEventListener("error", () => this.#failed(source));
    this.#expect(ATTEMPT);
    this.#soonDown();
  }

  #pass(name, text) {
    this.#wait = AGAIN[0];
    this.#channel?.postMessage({ name, text });
    this.#heard(name, text);
  }

  #heard(name, text) {
    if (name === "snapshot") this.#tell.snapshot(JSON.parse(text));
    if (name === "machine_update") this.#tell.update(JSON.parse(text));
    if (name === "alert") this.#tell.alert?.(JSON.parse(text));
    clearTimeout(this.#timers.down);
    this.#timers.down = null;
    this.#tell.up();
    this.#expect();
  }

  #expect(within = SILENCE) {
    this.#after("silence", within * (1 + 0.2 * Math.random()), () => this.open());
  }

  #failed(source) {
    this.#soonDown();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    this.#after("again", this.#wait * (0.5 + Math.random()), () => this.#connect());
    this.#wait = Math.min(2 * this.#wait, AGAIN[1]);
  }

  #soonDown() {
    this.#timers.down ??= setTimeout(() => {
      if (this.#claim) this.#channel?.postMessage({ down: true });
      this.#tell.down();
    }, PATIENCE);
  }

  #after(what, wait, act) {
    clearTimeout(this.#timers[what]);
    this.#timers[what] = setTimeout(act, wait);
  }

  #leave() {
    if (this.#claim) this.#channel?.postMessage({ gone: true });
    this.#claim = null;
    this.#letGo();
    this.#waiting?.abort();
    this.#waiting = null;
    this.#close();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timers.silence);
    clearTimeout(this.#timers.again);
  }
}
