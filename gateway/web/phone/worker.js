// The service worker, where the context is secure: rings a locked phone, and keeps the last page seen.

const WEB = "{web}"; // where this version's files are; another version is another worker
const PAGES = "pages"; // the last pages seen; each says how old it is
const MOST_PAGES = 30;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(begin()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && (pathname === "/" || pathname.startsWith("/m/"))) event.respondWith(page(request));
  else if (pathname.startsWith(`${WEB}/`)) event.respondWith(part(request));
});

self.addEventListener("push", (event) => {
  const told = event.data?.json() ?? {};
  const { title, body, url, machineId, alertId } = told;
  event.waitUntil(self.registration.showNotification(title ?? "", {
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
}

/** The page as it is now; without a link the last one seen. */
async function page(request) {
  const cache = await caches.open(PAGES);
  try {
    const reply = await fetch(request);
    if (reply.ok && !reply.redirected) await keep(cache, request, reply.clone());
    return reply;
  } catch (error) {
    const found = (await cache.match(request)) ?? (await cache.match("/"));
    if (found) return found;
    throw error;
  }
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
