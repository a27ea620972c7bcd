/** What a page loads: no module behind the public names needs Node, and one place tells the two worlds apart. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as inPage from "../../src/browser.js";
import * as inNode from "../../src/index.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const compiled = (file: string) => readFileSync(join(root, "dist/src", file), "utf8");
const { imports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  imports: Record<string, { node: string; default: string }>;
};

/** The modules that some others bring in, themselves included, and the packages that these name. */
function reached(from: readonly string[], text: (file: string) => string) {
  const own = new Set<string>();
  const foreign = new Set<string>();
  const visit = (file: string) => {
    if (own.has(file)) return;
    own.add(file);
    for (const [, name] of text(file).matchAll(/^(?:import|export) (?:[^"]* from )?"([^"]+)";$/gm)) {
      if (name!.startsWith(".")) visit(normalize(join(dirname(file), name!)));
      else if (name!.startsWith("#")) visit(imports[name!]!.default.replace("./dist/src/", ""));
      else foreign.add(name!);
    }
  };
  from.forEach(visit);
  return { own: [...own], foreign: [...foreign] };
}

/** What a page loads: the library's names, and the worker that it starts. */
const entries = ["browser.js", "device/worker.js"];

/** The modules of Node that a page would be asked for. */
const needed = (text: (file: string) => string): string[] =>
  reached(entries, text).foreign.filter((name) => isBuiltin(name));

test("nothing that a page loads needs Node", () => {
  const { own } = reached(entries, compiled);
  for (const file of [
    "engine/tape.js",
    "training/loop.js",
    "models/resnet.js",
    "comet/store.js",
    "device/platform/browser.js",
  ])
    assert.ok(own.includes(file), file);
  assert.ok(!own.includes("device/platform/node.js"));
  assert.deepEqual(needed(compiled), []);
});

test("a module that needs Node is found, however deep", () => {
  const spoilt = (file: string) => `${file === "rng.js" ? 'import "node:fs";\n' : ""}${compiled(file)}`;
  assert.deepEqual(needed(spoilt), ["node:fs"]);
});

test("Node's variables are asked for only where Node's modules are", () => {
  for (const file of reached(entries, compiled).own)
    assert.doesNotMatch(compiled(file), /\b(?:process|Buffer|__dirname)\b[.(]/, file);
});

test("a page gets the same names as Node, so that one set of types is true for both", () => {
  assert.deepEqual(Object.keys(inPage).sort(), Object.keys(inNode).sort());
});

test("in a page, what needs files says so when it is called", async () => {
  const ofNode = new Map<string, unknown>(Object.entries(inNode));
  const differ = Object.entries(inPage).filter(([name, value]) => value !== ofNode.get(name));
  assert.ok(differ.some(([name]) => name === "openDataset"));
  for (const [name, value] of differ)
    await assert.rejects(
      (value as () => Promise<never>)(),
      new RegExp(`^UsageError: ${name}: expected a file system`),
    );
});
