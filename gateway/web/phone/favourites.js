// What a member likes stands first; kept on this phone alone.

const KEY = "favourites";
const MOST = 50; // machines; more is no choice

let liked = new Set(read());

export const likes = (machineId) => liked.has(machineId);

/** Like it, or no more; returns which. */
export function toggle(machineId) {
  if (!liked.delete(machineId)) liked = new Set([...liked, machineId].slice(-MOST));
  try { localStorage.setItem(KEY, JSON.stringify([...liked])); } catch { /* storage may be forbidden */ }
  return likes(machineId);
}

function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter((one) => typeof one === "string").slice(-MOST) : [];
  } catch {
    return [];
  }
}
