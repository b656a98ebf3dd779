// Something asked again and again while the page is looked at.

const LONGEST = 30_000; // ms between two tries when they fail

export class Poll {
  #work;
  #each;
  #failed;
  #timer = null;
  #wait;
  #going = 0; // which start it belongs to; 0: stopped
  #count = 0;

  /** `work()` every `each` ms; `failed(error)` hears of what it throws, and it goes on for ever. */
  constructor(work, each, failed = () => {}) {
    this.#work = work;
    this.#each = this.#wait = each;
    this.#failed = failed;
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
  }

  start() {
    this.stop();
    this.#going = ++this.#count;
    return this.#run(this.#going);
  }

  /** At once rather than when it is due. */
  now() {
    return this.#going ? this.start() : undefined;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#going = 0;
  }

  async #run(mine) {
    try {
      if (!document.hidden) await this.#work();
      this.#wait = this.#each;
    } catch (error) {
      this.#wait = Math.min(LONGEST, 2 * this.#wait);
      if (this.#going === mine) this.#failed(error);
    }
    if (this.#going === mine) this.#timer = setTimeout(() => this.#run(mine), this.#wait * (0.8 + 0.4 * Math.random()));
  }
}
