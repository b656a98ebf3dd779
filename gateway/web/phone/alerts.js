// A member's alerts: whoever sets the first one becomes a member, kept by a cookie of this phone.

const MEMBER = "member"; // in localStorage: whether this phone has the cookie; without it nobody is asked

/** What went wrong, in the gateway's own words. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** The member's armed alert for that machine, or null. */
export async function mine(machineId) {
  if (!known()) return null;
  try {
    const { alerts } = await call("GET", "/alerts");
    return alerts.find((one) => one.machineId === machineId && one.status === "armed") ?? null;
  } catch (error) {
    if (error.status === 401) forget();
    return null;
  }
}

/** Arm one; `joined` is called when this phone has become a member by that. */
export async function subscribe(machineId, joined) {
  if (!known()) await join(joined);
  try {
    return await call("POST", "/alerts", { machineId });
  } catch (error) {
    if (error.status !== 401) throw error;
    await join(joined); // the cookie was not good any more
    return call("POST", "/alerts", { machineId });
  }
}

export const cancel = (alertId) => call("DELETE", `/alerts/${alertId}`);
export const seen = (alertId) => call("POST", `/alerts/${alertId}/seen`);

/** Whether this branch rings phones whose page is closed by ntfy, which needs no secure context. */
export async function hasNtfy() {
  return (await call("GET", "/push/key")).ntfy !== null;
}

/** The member's own topic: `{ url, link }`; the link opens the app, which subscribes. */
export const ntfy = () => call("POST", "/push-subscriptions", { channel: "ntfy" });

async function join(joined) {
  await call("POST", "/members");
  remember();
  joined();
}

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Refused(reply.status, said.detail);
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
  try { localStorage.removeItem(MEMBER); } catch { /* as above */ }
}
