// Keeps the whole site for times without a network. `post_build.py` writes the list of files with their hashes into it, so
// that any change of any file is a new version of this script: a browser then fetches what changed, checks it, and the
// new version waits until a person reloads. Models are not in the list; the page keeps them itself.
const FILES = new Map(Object.entries({/* FILES */}));
const VERSION = "/* VERSION */";
const SCOPE = new URL(self.registration.scope);
// Sites of one host share their caches' names: only those of this site's folder are ours.
const PREFIX = `likewise:${SCOPE.pathname}:`;
const HASH = "x-likewise-sha256";

const address = (path) => new URL(path, SCOPE).href;
const own = async () => (await caches.keys()).filter((name) => name.startsWith(PREFIX));

/** Puts a file into the cache: from an earlier version if it is the same, else from the network if it is what the list says. */
async function keep(cache, earlier, path) {
  const hash = FILES.get(path);
  for (const old of earlier) {
    const there = await old.match(address(path));
    if (there?.headers.get(HASH) === hash) return cache.put(address(path), there);
  }
  const response = await fetch(address(path), { cache: "no-cache" });
  const bytes = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // A host in the middle of an update serves files of two versions.
  if (!response.ok || found !== hash) throw new Error(`${path} is not the listed file`);
  const headers = { "content-type": response.headers.get("content-type") ?? "application/octet-stream", [HASH]: hash };
  return cache.put(address(path), new Response(bytes, { headers }));
}

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const names = (await own()).filter((name) => name !== PREFIX + VERSION);
  const earlier = await Promise.all(names.map((name) => caches.open(name)));
  const cache = await caches.open(PREFIX + VERSION);
  const paths = [...FILES.keys()];
  const work = async () => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) await keep(cache, earlier, path);
  };
  try {
    await Promise.all([work(), work(), work(), work()]);
  } catch (error) {
    await caches.delete(PREFIX + VERSION);
    throw error;
  }
})()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  // The version before this one stays: another tab may still run it.
  const names = await own();
  const old = names.filter((name) => name !== PREFIX + VERSION).slice(0, -1);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
})()));

// Only when a person asks for the new version.
self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

/** A kept file; of an older version where this one has none, from the network where none has. */
async function kept(request, path) {
  const here = await (await caches.open(PREFIX + VERSION)).match(address(path));
  if (here) return here;
  for (const name of await own()) {
    const there = await (await caches.open(name)).match(address(path));
    if (there) return there;
  }
  return fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const asked = new URL(request.url);
  if (request.method !== "GET" || request.headers.has("range")) return;
  if (asked.origin !== SCOPE.origin || !asked.pathname.startsWith(SCOPE.pathname)) return;
  const path = decodeURIComponent(asked.pathname.slice(SCOPE.pathname.length));
  if (FILES.has(path) || /-[0-9a-f]{8,}[._]/.test(path)) {
    event.respondWith(kept(request, path));
  } else if (request.mode === "navigate") {
    // As static hosts do it: the slash at the end of a folder; else the network, and without one the start.
    const to = FILES.has(`${path}/`) ? `${path}/` : "";
    if (to) event.respondWith(Response.redirect(address(to) + asked.search));
    else event.respondWith(fetch(request).catch(() => Response.redirect(address(""))));
  }
});
