/**
 * The site's service worker. It keeps the site's files, so that the site works offline, and it adds the two
 * Cross-Origin headers to every answer, so that training has threads even where the host sends no such headers.
 *
 * The build writes the list of files and a hash of their content in here. A new build is another script, which browsers
 * notice; its files are kept apart from those of the old one, and replace them when the last page of the old one closes.
 */
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Scope {
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
}

const scope = self as unknown as Scope;
const files = "%FILES%" as unknown as readonly string[];
const prefix = "comet-ts ";
const name = `${prefix}%VERSION%`;
/** Training images: needed by one page, and larger than all else. */
const large = files.filter((file) => file.endsWith(".gz"));

/** The same answer with the headers by which browsers let a page share memory with its workers. */
function isolated(answer: Response): Response {
  // An answer that the page may not see has no headers to add to.
  if (answer.status === 0 || answer.type === "opaqueredirect") return answer;
  const headers = new Headers(answer.headers);
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-embedder-policy", "require-corp");
  const { status, statusText, body } = answer;
  return new Response(body, { status, statusText, headers });
}

async function answered(request: Request): Promise<Response> {
  const cache = await caches.open(name);
  const { origin, pathname } = new URL(request.url);
  // A folder's address is its index; a host may also leave the extension of a page out.
  const address = origin + (pathname.endsWith("/") ? `${pathname}index.html` : pathname);
  const kept = (await cache.match(address)) ?? (await cache.match(`${address}.html`));
  return isolated(kept ?? (await fetch(request)));
}

scope.addEventListener("install", (event) => {
  const small = files.filter((file) => !large.includes(file));
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(small)));
});

scope.addEventListener("activate", (event) => {
  const old = caches.keys().then((all) => all.filter((other) => other.startsWith(prefix) && other !== name));
  event.waitUntil(
    old
      .then((names) => Promise.all(names.map((other) => caches.delete(other))))
      .then(() => scope.clients.claim()),
  );
  // Pages need not wait for these.
  void caches.open(name).then((cache) => cache.addAll(large));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(location.origin)) return;
  event.respondWith(answered(request));
});
