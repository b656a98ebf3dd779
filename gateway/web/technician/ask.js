// Calls with the technician's key; a key that is not good is told to whoever listens.

import { drop, key } from "./key.js";
import { has, language, t } from "../shared/words.js";

const PATIENCE = 20_000; // ms for a reply; the longest, thresholds of a long recording, takes seconds

/** Fired on `document` when the gateway refused the key; `detail` is the key of the words to tell. */
export const GONE = "key-gone";

/** What went wrong: in the reader's words where there are some, with what the gateway said. */
export class Refused extends Error {
  constructor(status, { code, detail } = {}) {
    const word = `technician.code_${code}`;
    super([language !== "en" && has(word) ? t(word) : "", detail].filter(Boolean).join(" ") || t("common.unreachable"));
    this.status = status;
  }
}

/** The reply's JSON, or null. Throws Refused, or TypeError where nobody answers. */
export async function ask(method, path, body) {
  const reply = await open(path, AbortSignal.timeout(PATIENCE), method, body);
  return reply.status === 204 ? null : reply.json();
}

/** The reply itself, once it is a good one. */
export async function open(path, signal, method = "GET", body = undefined) {
  const secret = key();
  const headers = { Authorization: `Bearer ${secret}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, { method, headers, signal, cache: "no-store", body: body === undefined ? body : JSON.stringify(body) });
  if (reply.ok) return reply;
  const refused = new Refused(reply.status, await reply.json().catch(() => ({})));
  if (reply.status === 401 && secret === key()) gone("key_gone");
  if (reply.status === 403 && secret === key()) gone("key_role");
  throw refused;
}

function gone(why) {
  drop();
  document.dispatchEvent(new CustomEvent(GONE, { detail: why }));
}

/** What to tell of an error: a reply's words, else that nobody answers. */
export const told = (error) => (error instanceof Refused ? error.message : t("common.unreachable"));

/** One press at a time; what went wrong is told where the button is. */
export async function doing(pressed, where, work) {
  pressed.disabled = true;
  where.textContent = "";
  try {
    await work();
  } catch (error) {
    where.textContent = told(error);
  } finally {
    pressed.disabled = false;
  }
}
