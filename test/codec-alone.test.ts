/** The codec by itself: what it imports, what it weighs, and that a browser runs it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { encode } from "../src/codec/index.js";

const root = new URL("../../", import.meta.url);
const folder = new URL("dist/src/codec/", root);

/** The modules that index.js brings in, and what they import from elsewhere. */
function closure(): { own: Set<string>; foreign: Set<string> } {
  const own = new Set<string>();
  const foreign = new Set<string>();
  const visit = (path: string) => {
    if (own.has(path)) return;
    own.add(path);
    const text = readFileSync(new URL(path, folder), "utf8");
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (name!.startsWith("./")) visit(name!.slice(2));
      else foreign.add(name!);
    }
  };
  visit("index.js");
  return { own, foreign };
}

test("the codec imports nothing but its own modules, its errors, and in Node the reader of its wasm", () => {
  assert.deepEqual([...closure().foreign].sort(), ["../error.js", "node:fs"]);
});

test("the codec and its wasm take at most 60 kB gzipped", (t) => {
  const files = [...closure().own].map((name) => readFileSync(new URL(name, folder)));
  files.push(
    readFileSync(new URL("dist/src/error.js", root)),
    readFileSync(new URL("build/codec.wasm", root)),
  );
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
  t.diagnostic(`${bytes} bytes`);
  assert.ok(bytes <= 60_000);
});

/** Small whole numbers: the same tensor in every engine. */
const page = `<!doctype html><title>waiting</title><pre id="out"></pre><script type="module">
import { decode, encode } from "/dist/src/codec/index.js";
const x = Float32Array.from({ length: 3000 }, (_, i) => (((i * 37) % 101) - 30) / 16);
const frames = ["fast", "dense"].map((mode) => encode(x, { bound: 0.01, shape: [30, 100], mode }));
const worst = Math.max(...frames.flatMap((frame) => [...decode(frame)].map((y, i) => Math.abs(y - x[i]))));
document.getElementById("out").textContent = JSON.stringify({ frames: frames.map((frame) => [...frame]), worst });
</script>`;

const browser = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);

test("a browser writes the same frames as Node", {
  skip: browser ? false : "no Chromium here: apt-get install chromium runs this test",
}, async () => {
  const types: Record<string, string> = { js: "text/javascript", wasm: "application/wasm" };
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    if (path === "/") return response.setHeader("content-type", "text/html").end(page);
    try {
      const bytes = readFileSync(new URL(`.${path}`, root));
      response.setHeader("content-type", types[path.split(".").at(-1)!] ?? "text/plain").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const profile = mkdtempSync(join(tmpdir(), "comet-browser-"));
  try {
    const { port } = server.address() as AddressInfo;
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
    const child = spawn(browser!, [
      ...flags,
      "--virtual-time-budget=20000",
      "--dump-dom",
      `http://127.0.0.1:${port}/`,
    ]);
    let dom = "";
    child.stdout.on("data", (text) => {
      dom += text;
    });
    await new Promise((ended) => child.on("close", ended));
    const found = /<pre id="out">([^<]+)<\/pre>/.exec(dom);
    assert.ok(found, `no result in ${dom.slice(0, 300)}`);
    const { frames, worst } = JSON.parse(found[1]!) as { frames: number[][]; worst: number };
    const x = Float32Array.from({ length: 3000 }, (_, i) => (((i * 37) % 101) - 30) / 16);
    const own = (["fast", "dense"] as const).map((mode) => [
      ...encode(x, { bound: 0.01, shape: [30, 100], mode }),
    ]);
    assert.deepEqual(frames, own);
    assert.ok(worst < 0.01);
  } finally {
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

test("every file of the codec opens by saying what it is", () => {
  for (const name of readdirSync(new URL("src/codec/", root))) {
    const text = readFileSync(new URL(`src/codec/${name}`, root), "utf8");
    assert.match(text, /^\/\*\*/, name);
  }
});
