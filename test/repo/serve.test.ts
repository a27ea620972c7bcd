/** The page's server against requests that no page of ours sends: each has its answer, and the server goes on. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { serve } from "../../examples/browser/serve.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

const posts: string[] = [];
const open = await serve({ onPost: (body) => posts.push(body), pages: { "/page.js": "export {};\n" } });
const silent = await serve();
after(() => {
  for (const { server } of [open, silent]) {
    server.close();
    server.closeAllConnections();
  }
});

const portOf = ({ address }: { address: string }) => Number(new URL(address).port);

/** What comes back for bytes as they are, until the server ends the connection; `cut`: or we do. */
function send(bytes: string | Uint8Array, to = open, cut = false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(portOf(to), "127.0.0.1");
    let text = "";
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("error", () => resolve(text));
    socket.on("close", () => resolve(text));
    if (cut) socket.end(bytes);
    else socket.write(bytes);
  });
}

const request = (line: string, { host = `127.0.0.1:${portOf(open)}`, more = "", body = "" } = {}) =>
  `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n${body}`;

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

test("pages, scripts and files of the tree are served, to HEAD without a body", async () => {
  for (const path of ["/", "/page.js", "/page.js?again", "/dist/src/error.js", "/build/comet.wasm"]) {
    const answer = await send(request(`GET ${path}`));
    assert.equal(statusOf(answer), 200, path);
    assert.match(answer, /cross-origin-opener-policy: same-origin/);
    const head = await send(request(`HEAD ${path}`));
    assert.equal(statusOf(head), 200);
    assert.ok(head.endsWith("\r\n\r\n"));
  }
});

const strange: readonly [title: string, line: string, status: number][] = [
  ["a path that begins another URL", "GET //", 404],
  ["a path that begins a URL of a host", "GET //host:0/", 404],
  ["a target that is no path", "GET *", 400],
  ["a whole URL", "GET http://[/", 400],
  ["a path that is no UTF-8", "GET /%ff", 400],
  ["half an escape", "GET /dist/%", 400],
  ["a way out of the tree", "GET /dist/../../../etc/passwd", 404],
  ["a hidden way out", "GET /dist/%2e%2e/%2e%2e/package.json", 404],
  ["a way out with backslashes", "GET /dist/..\\..\\package.json", 404],
  ["a byte 0", "GET /dist/%00", 404],
  ["a folder", "GET /dist/src/", 404],
  ["a file that pages may not have", "GET /package.json", 404],
  ["a name that every object has", "GET /__proto__", 404],
  ["a method of another kind", "DELETE /", 405],
  ["another one", "PUT /dist/x", 405],
];

for (const [title, line, status] of strange) {
  test(`${title}: ${status}`, async () => {
    assert.equal(statusOf(await send(request(line))), status);
    assert.equal(statusOf(await send(request("GET /"))), 200, "the server goes on");
  });
}

test("a static site is served below its own path alone, with the index of a folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-site-"));
  writeFileSync(join(folder, "index.html"), "<p>here</p>");
  writeFileSync(join(folder, "x.js"), 'import "bare";');
  const site = await serve({ site: { folder, at: "/a/b/" } });
  const answerTo = (path: string) =>
    send(request(`GET ${path}`, { host: `127.0.0.1:${portOf(site)}` }), site);
  try {
    assert.match(await answerTo("/a/b/"), /text\/html[\s\S]*<p>here/);
    assert.match(await answerTo("/a/b/x.js"), /text\/javascript[\s\S]*import "bare";/);
    for (const path of ["/", "/a/", "/x.js", "/a/b/../../etc/passwd", "/a/b/%2e%2e/x", "/dist/src/error.js"])
      assert.equal(statusOf(await answerTo(path)), 404, path);
  } finally {
    site.server.close();
    rmSync(folder, { recursive: true });
  }
});

test("only requests to this server's own address are answered", async () => {
  for (const host of ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", ""]) {
    const status = statusOf(await send(request("GET /", { host })));
    assert.ok(status === 403 || status === 400, `${host}: ${status}`);
  }
  assert.equal(statusOf(await send(request("GET /", { host: `localhost:${portOf(open)}` }))), 200);
});

test("a page may post a message, where somebody listens, of a limited length", async () => {
  const post = (body: string, host?: string) =>
    request("POST /", {
      body,
      more: `Content-Length: ${body.length}\r\n`,
      host: host ?? `127.0.0.1:${portOf(open)}`,
    });
  assert.equal(statusOf(await send(post("hello"))), 204);
  assert.deepEqual(posts, ["hello"]);
  assert.equal(statusOf(await send(post("x".repeat((16 << 20) + 1)))), 413);
  assert.deepEqual(posts, ["hello"]);
  const answer = await send(post("hello", `127.0.0.1:${portOf(silent)}`), silent);
  assert.equal(statusOf(answer), 405);
  assert.match(answer, /allow: GET, HEAD\r\n/);
});

test("the server outlives requests of any bytes", async () => {
  const rng = createRng(seed);
  const whole = Buffer.from(request("GET /page.js"));
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(whole);
    for (let n = rng.integer(1, 6); n > 0; n--) bytes[rng.integer(0, bytes.length - 1)] = rng.integer(0, 255);
    await send(
      bytes.subarray(0, rng.integer(0, 3) === 0 ? rng.integer(0, bytes.length) : bytes.length),
      open,
      true,
    );
  }
  assert.equal(statusOf(await send(request("GET /"))), 200);
});
