// A member's alerts: whoever sets the first one becomes a member, kept by a cookie of this phone.

import { Told } from "./page.js";
import { has, spanOf, t } from "../shared/words.js";

const MEMBER = "member"; // in localStorage: whether this phone has the cookie; without it nobody is asked
const SIGNED_OUT = "signed-out"; // that it had one which is not good any more

const MINUTE = 60; // seconds: nobody is told to wait for less
const UNSTORED = ["not_stored", "busy", "too_slow"]; // told as `degraded`

/** A refusal; why it was, the gateway says for programs only. */
class Refused extends Told {
  constructor({ status, headers }, { code }) {
    const known = UNSTORED.includes(code) ? "degraded" : has(`problem.${code}`) ? code : "other";
    super(t(`problem.${known}`, { span: spanOf(Math.max(MINUTE, Number(headers.get("Retry-After")))) }));
    this.status = status;
  }
}

/** The member's armed alerts; none for who is no member. Throws where nobody answers: then it is not known. */
export async function armed() {
  return (await all()).filter((one) => one.status === "armed");
}

/** The member's newest alert for that machine, whatever became of it; undefined where it never had one. */
export async function newest(machineId) {
  return (await all()).find((one) => one.machineId === machineId);
}

async function all() {
  if (!known()) return [];
  try {
    return (await call("GET", "/alerts")).alerts;
  } catch (error) {
    if (error.status !== 401) throw error;
    forget();
    return [];
  }
}

/** Arm one for `{ machineId }` or `{ category }`; `joined` is called when this phone has become a member. */
export async function subscribe(what, joined) {
  if (known()) {
    try {
      return await arm(what);
    } catch (error) {
      if (error.status !== 401) throw error; // else the cookie is not good any more
    }
  }
  await join(joined);
  return arm(what).catch(cookieless);
}

/** One that is armed already is that one: the answer to an earlier tap may have been lost. */
async function arm(what) {
  try {
    return await call("POST", "/alerts", what);
  } catch (error) {
    const same = (one) => (what.machineId ? one.machineId === what.machineId : !one.machineId && one.category === what.category);
    const found = error.status === 409 ? (await armed()).find(same) : null;
    if (found) return found;
    throw error;
  }
}

/** The member who was just made is not known: this browser keeps no cookie of ours. */
function cookieless(error) {
  if (error.status !== 401) throw error;
  keepsCookies = false;
  forget();
  wasSignedOut();
  throw new Told(t("alert.no_cookies"));
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
  if (!keepsCookies) throw new Told(t("alert.no_cookies")); // else each tap would make a member
  await call("POST", "/members");
  remember();
  joined();
}

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  try {
    const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const said = reply.status === 204 ? null : await reply.json();
    if (!reply.ok) throw new Refused(reply, said);
    return said;
  } catch (error) {
    throw error instanceof Told ? error : new Told(t("common.unreachable"));
  }
}

// Storage may be forbidden: then a cookie may be there, and the gateway is asked.
let here = true;
let keepsCookies = navigator.cookieEnabled;
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
    if (keepsCookies) localStorage.setItem(SIGNED_OUT, "yes");
  } catch { /* as above */ }
}
