// Ringing a phone whose page is closed: Web Push where the context is secure, else ntfy, else not at all.

import { pushKey, ringBy } from "./alerts.js";
import { Told, keepHere } from "./page.js";
import { element } from "../shared/dom.js";
import { t } from "../shared/words.js";

const RINGS = "rings-locked"; // in localStorage: that this phone is rung by push

let found = null; // what `way` found out, once it was answered

/** `push`, `ntfy` or null: what works at this address, in this browser, at this branch. */
export async function way() {
  found ??= look();
  return found.catch((error) => {
    found = null;
    throw error;
  });
}

async function look() {
  const { publicKey, ntfy } = await pushKey();
  if (publicKey && window.isSecureContext && "PushManager" in window && (await keepHere())) return "push";
  return ntfy ? "ntfy" : null;
}

/** What a locked phone cannot be rung by here, and why; nothing where the browser can do it. */
export function whyOnly(by) {
  if (by === "push") return "";
  if (window.isSecureContext && navigator.standalone === false) return t("alert.only_installed"); // an iPhone's browser
  if (by === "ntfy") return window.isSecureContext ? "" : t("alert.only_ntfy");
  return t("alert.only_open");
}

export const hasNtfy = async () => (await pushKey()).ntfy !== null;

/** Asks the person, then the browser, then the branch. Throws what to tell the person. */
export async function subscribeToPush() {
  if ((await Notification.requestPermission()) !== "granted") throw new Told(t("alert.push_denied"));
  const { publicKey } = await pushKey();
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: bytesOf(publicKey) };
  const { endpoint, expirationTime, keys } = (await pushManager.subscribe(options)).toJSON();
  await ringBy({ endpoint, expirationTime, keys });
  try { localStorage.setItem(RINGS, "yes"); } catch { /* told again at the next visit */ }
}

export function isPushed() {
  try {
    return localStorage.getItem(RINGS) === "yes" && Notification.permission === "granted";
  } catch { return false; }
}

/** One tap more: the app's own link, and the topic's page for who has no app yet. */
export async function topicLinks() {
  const { url, link } = await ringBy({ channel: "ntfy" });
  const page = element("a", { href: url, textContent: t("alert.ntfy_get"), rel: "noreferrer" });
  return [element("a", { href: link, textContent: t("alert.ntfy_open") }), " · ", page];
}

function bytesOf(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
