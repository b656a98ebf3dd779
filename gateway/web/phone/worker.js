// The service worker, where the context is secure: rings a locked phone, and keeps the last page seen.

const WEB = "{web}"; // where this version's files are; another version is another worker
const WORDS = {words}; // in the language that this phone reads
const PAGES = "pages"; // the last pages seen; each says how old it is
const MOST_PAGES = 30;
const PATIENCE = 4_000; // ms, after which a page that was seen before is better than none

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(begin()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && isOurs(pathname)) event.respondWith(page(request, event));
  else if (pathname.startsWith(`${WEB}/`)) event.respondWith(part(request));
});

self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  const { url, machineId, alertId } = told;
  const { title, body } = inWords(told);
  event.waitUntil(self.registration.showNotification(title, {
    body, tag: machineId, renotify: Boolean(machineId), icon: `${WEB}/shared/icon-192.png`,
    vibrate: [300, 150, 300], data: { url, alertId },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data ?? {}));
});

async function begin() {
  const kept = await caches.keys();
  await Promise.all(kept.filter((name) => name !== WEB && name !== PAGES).map((name) => caches.delete(name)));
  await self.clients.claim();
  const windows = await self.clients.matchAll({ type: "window" });
  await Promise.all(windows.map(({ url }) => keepOpened(url).catch(() => {}))); // it is kept at its next visit
}

/** The first visit went past us: its page is asked for once more, its parts are in the browser's own store. */
async function keepOpened(url) {
  if (!isOurs(new URL(url).pathname)) return;
  const text = await (await page(new Request(url))).text();
  const parts = new Set(text.match(new RegExp(`${WEB}/[^"]+`, "g")));
  await Promise.all([...parts].map((one) => part(new Request(one))));
}

const isOurs = (pathname) => pathname === "/" || pathname.startsWith("/m/");

/** What the lock screen shows. */
function inWords({ trial, name, note, place }) {
  const { alert } = WORDS;
  const title = (trial ? alert.trial : alert.rings).replace("{name}", () => `\u2068${name}\u2069`);
  return { title, body: trial ? alert.trial_body : [note, place === 1 ? alert.first_known : alert.others_know].filter(Boolean).join("\n") };
}

/** The page as it is now; without a link, or over one that says nothing, the last one seen. */
async function page(request, event) {
  const cache = await caches.open(PAGES);
  const asked = fetchPage(cache, request);
  event?.waitUntil(asked.catch(() => {})); // a late one is kept for the next visit
  const seen = await cache.match(request);
  try {
    return await (seen ? Promise.race([asked, late()]) : asked);
  } catch (error) {
    const found = seen ?? (await cache.match("/"));
    if (found) return asKept(found);
    throw error;
  }
}

async function fetchPage(cache, request) {
  const reply = await fetch(request);
  if (reply.ok && !reply.redirected) await keep(cache, request, reply.clone());
  return reply;
}

const late = () => new Promise((_, refuse) => setTimeout(() => refuse(new Error("late")), PATIENCE));

/** Its script is told that it is old: a phone's clock cannot be trusted with that. */
async function asKept(reply) {
  const text = (await reply.text()).replace("<body", "<body data-kept");
  const headers = new Headers(reply.headers);
  for (const packed of ["Content-Encoding", "Content-Length"]) headers.delete(packed);
  return new Response(text, { headers });
}

async function keep(cache, request, reply) {
  await cache.delete(request);
  await cache.put(request, reply);
  for (const old of (await cache.keys()).slice(0, -MOST_PAGES)) await cache.delete(old);
}

/** A file of this version never changes. */
async function part(request) {
  const cache = await caches.open(WEB);
  const found = await cache.match(request);
  if (found) return found;
  const reply = await fetch(request);
  if (reply.ok) await cache.put(request, reply.clone());
  return reply;
}

/** The machine's page, in a window that is open if there is one. */
async function show({ url, alertId }) {
  const path = url ? new URL(url).pathname : "/";
  if (alertId) await fetch(`/alerts/${alertId}/seen`, { method: "POST" }).catch(() => {});
  const [open] = await self.clients.matchAll({ type: "window" });
  if (open) return open.navigate(path).then((client) => client?.focus());
  return self.clients.openWindow(path);
}
