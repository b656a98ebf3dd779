// The samples that the plot has: a bounded number of them, oldest first.

export class Ring {
  #kept = [];
  #most;

  constructor(most) {
    this.#most = most;
  }

  /** One more; a step back in time is another recording, and begins anew. */
  add(sample) {
    if (this.last && sample.at < this.last.at) this.#kept = [];
    this.#kept.push(sample);
    if (this.#kept.length > 1.25 * this.#most) this.#kept = this.#kept.slice(-this.#most); // in strides
  }

  get last() {
    return this.#kept.at(-1);
  }

  newest(count) {
    return this.#kept.slice(-count).reverse();
  }

  /** From that moment on, and one before: the line enters from the left. */
  since(at) {
    const first = this.#kept.findIndex((sample) => sample.at >= at);
    return first < 0 ? this.#kept.slice(-1) : this.#kept.slice(Math.max(0, first - 1));
  }

  forEach(work) {
    this.#kept.forEach(work);
  }
}
