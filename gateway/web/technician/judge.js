// Levels against thresholds, as the gateway judges them: `sensors/calibration.py` is the rule.

const height = ({ floor, limit }, value) => (limit === floor ? Number(value >= limit) : (value - floor) / (limit - floor));

/** The height of the level that decides; from 1 on it is active. Null: nothing is said. */
export function score({ limits, votes }, levels) {
  const heights = Object.entries(limits).filter(([name]) => name in levels).map(([name, limit]) => height(limit, levels[name]));
  heights.sort((one, other) => other - one);
  return heights.length ? heights[Math.min(votes, heights.length) - 1] : null;
}

/** One sensor's samples in order; without a calibration its own word counts. */
export class Judge {
  #calibration;
  #active = false;
  #reached = -Infinity;

  constructor(calibration) {
    this.#calibration = calibration;
  }

  /** `{ active, score }` of a sample. */
  judge({ at, levels, active }) {
    if (!this.#calibration) return { active, score: null };
    const found = score(this.#calibration, levels);
    if (found === null) return { active: null, score: null };
    if (found >= (this.#active ? this.#calibration.release : 1)) this.#reached = at;
    this.#active = at - this.#reached <= this.#calibration.hold;
    return { active: this.#active, score: found };
  }
}
