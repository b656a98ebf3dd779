// What is wrong with a sensor, as its row in `/sensors` tells it.

import { has, t } from "../shared/words.js";

export const PROBLEM = 0, LOOK = 1, FINE = 2;
export const SIGNS = ["✕", "!", "✓"];
const NAMES = ["problem", "look", "fine"];
const LOST = ["silent", "sensor_offline", "port_down", "start"]; // causes for which nothing is known

/** A word of this page, or the gateway's own where we have none for it. */
export const word = (name) => (has(`technician.${name}`) ? t(`technician.${name}`) : name.replaceAll("_", " "));
export const named = (rank) => t(`technician.${NAMES[rank]}`);
export const code = (rank) => NAMES[rank];

/** `[rank, texts]`: how bad it is, and why. */
export function troubles(row) {
  const lost = row.status === "unknown" && needsCalibration(row) ? "uncalibrated" : LOST.find((cause) => row.status === "unknown" && cause === row.cause);
  const found = [...(lost ? [lost] : []), ...row.findings];
  return [lost ? PROBLEM : found.length ? LOOK : FINE, found.map(word)];
}

/** It speaks, in levels that nobody has taught us to judge. */
function needsCalibration({ active, calibrationVersion, levels, lastHeard }) {
  return lastHeard !== null && active === null && calibrationVersion === null && Object.keys(levels).length > 0;
}

export const droppedOf = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
