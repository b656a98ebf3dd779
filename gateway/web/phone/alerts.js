// A member's alerts: whoever sets the first one becomes a member, kept by a cookie of this phone.

import { has, language, t } from "../shared/words.js";

const MEMBER = "member"; // in localStorage: whether this phone has the cookie; without it nobody is asked
const SIGNED_OUT = "signed-out"; // that it had one which is not good any more

/** What went wrong, in the person's language where we have the words. */
export class Refused extends Error {
  constructor(status, { code, detail }) {
    super(language !== "en" && has(`problem.${code}`) ? t(`problem.${code}`) : detail);
    this.status = status;
  }
}

/** The member's armed alerts; none for who is no member. Throws where nobody answers: then it is not known. */
export async function armed() {
  if (!known()) return [];
  try {
    const { alerts } = await call("GET", "/alerts");
    return alerts.filter((one) => one.status === "armed");
  } catch (error) {
    if (error.status !== 401) throw error;
    forget();
    return [];
  }
}

/** The member's armed alert for that machine, or null. */
export async function mine(machineId) {
  return (await armed()).find((one) => one.machineId === machineId) ?? null;
}

/** Arm one for `{ machineId }` or `{ category }`; `joined` is called when this phone has become a member. */
export async function subscribe(what, joined) {
  if (!known()) await join(joined);
  try {
    return await call("POST", "/alerts", what);
  } catch (error) {
    if (error.status !== 401) throw error;
    await join(joined); // the cookie was not good any more
    return call("POST", "/alerts", what);
  }
}

/** Gone is gone: also what nobody knows any more, or whose member is not known any more. */
export async function cancel(alertId) {
  try {
    await call("DELETE", `/alerts/${alertId}`);
  } catch (error) {
    if (error.status !== 401 && error.status !== 404) throw error;
  }
}

export const seen = (alertId) => call("POST", `/alerts/${alertId}/seen`);
/** Other quiet hours, `{ start, end }` or null for none. */
export const keepQuiet = (alertId, quietHours) => call("PATCH", `/alerts/${alertId}`, { quietHours });
/** `{ publicKey, ntfy }`: how this branch rings phones whose page is closed. */
export const pushKey = () => call("GET", "/push/key");
/** Ring this phone: a browser's subscription, or `{ channel: "ntfy" }` for a topic `{ url, link }`. */
export const ringBy = (target) => call("POST", "/push-subscriptions", target);
/** What is shown of a machine is wrong. */
export const wrong = (machineId) => call("POST", `/machines/${machineId}/wrong`, {});

/** Whether this phone was signed out since it was asked last. */
export function wasSignedOut() {
  try {
    const was = localStorage.getItem(SIGNED_OUT) === "yes";
    localStorage.removeItem(SIGNED_OUT);
    return was;
  } catch { return false; }
}

async function join(joined) {
  await call("POST", "/members");
  remember();
  joined();
}

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Refused(reply.status, said);
  return said;
}

// Storage may be forbidden: then each visit is a new one.
let here = false;
function known() {
  try { return localStorage.getItem(MEMBER) === "yes"; } catch { return here; }
}
function remember() {
  here = true;
  try { localStorage.setItem(MEMBER, "yes"); } catch { /* as above */ }
}
function forget() {
  here = false;
  try {
    localStorage.removeItem(MEMBER);
    localStorage.setItem(SIGNED_OUT, "yes");
  } catch { /* as above */ }
}
