// The technician's key: kept for this tab, or on this device if that is wanted.

const NAME = "technician-key";
let held = read(sessionStorageOrNone()) ?? read(localStorageOrNone());

/** The key that is held, or null. */
export const key = () => held;

/** Hold it until the tab is closed, or until it is dropped. */
export function keep(secret, remembered) {
  held = secret;
  try { (remembered ? localStorage : sessionStorage).setItem(NAME, secret); } catch { /* storage may be forbidden */ }
}

export function drop() {
  held = null;
  for (const store of [sessionStorageOrNone(), localStorageOrNone()]) store?.removeItem(NAME);
}

function read(store) {
  return store?.getItem(NAME) || null;
}

function sessionStorageOrNone() {
  try { return sessionStorage; } catch { return null; }
}

function localStorageOrNone() {
  try { return localStorage; } catch { return null; }
}
