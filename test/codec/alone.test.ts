/** The codec by itself: what it imports, what it weighs, and that a browser runs it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { encode } from "../../src/codec/index.js";
import { missing, visit } from "../repo/browser.js";

const root = new URL("../../../", import.meta.url);
const folder = new URL("dist/src/codec/", root);

/** What index.js and the modules that it brings in import from elsewhere. */
function foreign(): Set<string> {
  const own = new Set<string>();
  const outside = new Set<string>();
  const follow = (path: string) => {
    if (own.has(path)) return;
    own.add(path);
    const text = readFileSync(new URL(path, folder), "utf8");
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      const target = name!.startsWith(".") ? normalize(join(dirname(path), name!)) : name!;
      if (!name!.startsWith(".") || target.startsWith("..")) outside.add(target);
      else follow(target);
    }
  };
  follow("index.js");
  return outside;
}

test("the codec imports nothing but its own modules and its errors", () => {
  assert.deepEqual([...foreign()].sort(), ["../error.js"]);
});

test("a bundle of the codec, its wasm included, takes at most 45 kB gzipped", async (t) => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("index.js", folder))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "silent",
  });
  const bytes = gzipSync(outputFiles[0]!.contents).length;
  t.diagnostic(`${bytes} bytes`);
  assert.ok(bytes <= 45_000);
});

/** Small whole numbers: the same tensor in every engine. */
const x = Float32Array.from({ length: 3000 }, (_, i) => (((i * 37) % 101) - 30) / 16);

test("a browser writes the same frames as Node", { skip: missing("chromium") }, async () => {
  const { frames, worst } = await visit<{ frames: number[][]; worst: number }>(
    "chromium",
    `
    import { decode, encode } from "/dist/src/codec/index.js";
    const x = Float32Array.of(${x});
    const frames = ["fast", "dense"].map((mode) => encode(x, { bound: 0.01, shape: [30, 100], mode }));
    const worst = Math.max(...frames.flatMap((frame) => [...decode(frame)].map((y, i) => Math.abs(y - x[i]))));
    tell({ frames: frames.map((frame) => [...frame]), worst });
  `,
  );
  const own = (["fast", "dense"] as const).map((mode) => [
    ...encode(x, { bound: 0.01, shape: [30, 100], mode }),
  ]);
  assert.deepEqual(frames, own);
  assert.ok(worst < 0.01);
});

test("every file of the codec opens by saying what it is", () => {
  for (const name of readdirSync(new URL("src/codec/", root), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const text = readFileSync(new URL(`src/codec/${name}`, root), "utf8");
    assert.match(text, /^\/\*\*/, name);
  }
});
