// What statuses are called, and how long something has lasted.

export const WORDS = { free: "Free", occupied: "In use", unknown: "Unknown", out_of_service: "Out of service" };
export const SIGNS = { free: "✓", occupied: "●", unknown: "?", out_of_service: "–" };
export const WHY = {
  start: "not heard yet", silent: "sensor is silent", sensor_offline: "sensor is offline", port_down: "sensor is disconnected",
};
const HOUR = 3600, DAY = 86400; // seconds

/** `for 5 min`, of so many seconds. */
export function ageOf(seconds) {
  if (seconds < 60) return "just now";
  if (seconds < HOUR) return `for ${Math.floor(seconds / 60)} min`;
  if (seconds < DAY) return `for ${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / 60)} min`;
  return `for ${Math.floor(seconds / DAY)} d`;
}
