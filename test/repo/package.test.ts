/**
 * The published packages, as their users meet them: both tarballs are packed from the present build and unpacked into
 * empty projects. Dependencies are linked from this repository, so that no network is needed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { missing, visit } from "./browser.js";
import { complaints, install, manifestOf, packInto, run, write } from "./project.js";

const folder = mkdtempSync(join(tmpdir(), "comet-package-"));

/** A project that has both packages, and one that has the codec alone. */
const whole = join(folder, "whole");
const alone = join(folder, "alone");

before(() => {
  const { library, codec } = packInto(folder);
  install(library, whole);
  install(codec, whole);
  install(codec, alone);
});

after(() => rmSync(folder, { recursive: true, force: true }));

const resolutions = [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
] as const;

for (const [module, resolution] of resolutions) {
  test(`a strict project with ${resolution} resolution has every name's type`, () => {
    const file = write(
      whole,
      "types.mts",
      `import { createSession, type Dataset, decode, defaults, encode, openDataset, train } from "comet-ts";
      import { type EncodeOptions, encodeInto } from "comet-ts/codec";
      import { inspect } from "comet-ts-codec";
      const options: EncodeOptions = { bound: 0.1, shape: [4] };
      const frame: Uint8Array = encode(new Float32Array(4), options);
      const back: Float32Array = decode(frame);
      const dataset: Promise<Dataset> = openDataset("fashion-mnist");
      const ratio: number = inspect(frame).ratio;
      export const all = [back, dataset, ratio, encodeInto, createSession, defaults, train];`,
    );
    assert.equal(complaints(whole, file, module, resolution), "");
  });

  test(`a strict project with ${resolution} resolution is told of a wrong type`, () => {
    const file = write(
      whole,
      "wrong.mts",
      'import { encode } from "comet-ts-codec"; encode([1], { bound: 1 });',
    );
    assert.match(complaints(whole, file, module, resolution), /^wrong\.mts\(1.*Float32Array/);
  });
}

test("a strict CommonJS project has the types too", () => {
  const file = write(
    whole,
    "types.cts",
    `import codec = require("comet-ts/codec");
    import { openDataset } from "comet-ts";
    export const all = [codec.encode, openDataset];`,
  );
  assert.equal(complaints(whole, file, "nodenext", "nodenext"), "");
});

test("a module trains after import", () => {
  const file = write(
    whole,
    "train.mjs",
    `import { createSession, defaults, openDataset, train } from "comet-ts";
    const settings = { ...defaults, model: "lenet", steps: 2, threads: 2 };
    const { steps } = await train(createSession(settings, await openDataset("fashion-mnist")));
    console.log(steps);`,
  );
  assert.equal(run(whole, file), "2");
});

/** Whether Node can require a module. Older ones refuse, and their message says what to do. */
const canRequire = "require_module" in process.features;

test("CommonJS gets all by require, or is told to import", () => {
  const file = write(
    whole,
    "require.cjs",
    'console.log([require("comet-ts"), require("comet-ts/codec"), require("comet-ts-codec")].map((m) => typeof m.encode).join());',
  );
  const { stdout, stderr } = spawnSync(process.execPath, [file], { cwd: whole, encoding: "utf8" });
  if (canRequire) assert.equal(stdout.trim(), "function,function,function", stderr);
  else
    assert.match(stderr, /ERR_REQUIRE_ESM[\s\S]*dynamic import\(\)|dynamic import\(\)[\s\S]*ERR_REQUIRE_ESM/);
});

/** The bundle of a module, given as text or as the name of one, for a browser. */
async function bundled(project: string, module: { text: string } | { name: string }): Promise<string> {
  const { outputFiles, warnings } = await build({
    ...("text" in module
      ? { stdin: { contents: module.text, resolveDir: project } }
      : { entryPoints: [join(project, "node_modules", module.name)] }),
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  const { text } = outputFiles[0]!;
  assert.doesNotMatch(text, /"node:|\brequire\(/);
  return text;
}

for (const name of ["comet-ts/codec", "comet-ts-codec"]) {
  test(`a bundle of ${name} by esbuild is all that a browser needs`, async () => {
    const text = `import { decode, encode } from "${name}";
      console.log(decode(encode(Float32Array.of(1, 0, -2), { bound: 0.1 })).map(Math.round).join());`;
    const bare = join(folder, "bare");
    mkdirSync(bare, { recursive: true });
    assert.equal(run(bare, write(bare, "bundle.mjs", await bundled(whole, { text }))), "1,0,-2");
  });
}

test("a bundle of comet-ts by esbuild trains in a page", { skip: missing("chromium") }, async () => {
  const text = `import { createSession, defaults, fashionClasses, idxDataset, openDataset, train } from "comet-ts";
    const file = async (name) => {
      const { body } = await fetch("/src/data/fashion-mnist/" + name + "-ubyte.gz");
      const bytes = await new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
      return { where: name, bytes: new Uint8Array(bytes) };
    };
    const pair = async (part) => [await file(part + "-images-idx3"), await file(part + "-labels-idx1")];
    const dataset = idxDataset("fashion-mnist", fashionClasses, await pair("train"), await pair("t10k"));
    const refused = await openDataset("fashion-mnist").catch((error) => error.name);
    const weights = [];
    for (const threads of [1, 2]) {
      const outcome = await train(createSession({ ...defaults, model: "lenet", steps: 2, threads }, dataset));
      weights.push(outcome.weights);
    }
    tell({ refused, weights });`;
  // The server of the test offers build/; docs/install.md says how a user bundles the worker.
  const worker = await bundled(whole, { name: "comet-ts/dist/src/device/worker.js" });
  const told = await visit<{ refused: string; weights: string[] }>(
    "chromium",
    await bundled(whole, { text }),
    { pages: { "/worker.js": worker } },
  );
  assert.equal(told.refused, "UsageError");
  assert.match(told.weights[0]!, /^[0-9a-f]{64}$/);
  assert.equal(told.weights[1], told.weights[0]);
});

test("the codec alone needs no other package, and its README keeps its word", () => {
  assert.deepEqual(readdirSync(join(alone, "node_modules")), ["comet-ts-codec"]);
  assert.equal(manifestOf(join(alone, "node_modules/comet-ts-codec")).dependencies, undefined);
  const readme = readFileSync(join(alone, "node_modules/comet-ts-codec/README.md"), "utf8");
  const code = /```js\n([\s\S]*?)```/.exec(readme)![1]!;
  const expected = [...code.matchAll(/\/\/ prints (.*)/g)].map((match) => match[1]!.trim());
  assert.equal(expected.length, 4);
  assert.deepEqual(run(alone, write(alone, "readme.mjs", code)).split("\n"), expected);
});

for (const name of ["comet-ts", "comet-ts-codec"]) {
  const files = () => {
    const path = join(whole, "node_modules", name);
    return { path, list: readdirSync(path, { recursive: true, encoding: "utf8" }).map(normalize) };
  };

  test(`${name} ships what runs, and neither debug builds nor tests`, () => {
    const { path, list } = files();
    const wasm = list.filter((file) => file.endsWith(".wasm")).sort();
    assert.deepEqual(wasm, name === "comet-ts" ? ["build/comet.fused.wasm", "build/comet.wasm"] : []);
    assert.ok(list.includes("LICENSE") && list.includes("README.md"));
    const { sideEffects } = manifestOf(path);
    for (const file of sideEffects || []) assert.ok(list.includes(normalize(file)), file);
    assert.deepEqual(
      list.filter((file) => /^(test|assembly)\b|^bench\/(?!experiments)|^dist\/(?!src)/.test(file)),
      [],
    );
  });

  test(`every link of ${name}'s pages leads somewhere on npm`, () => {
    const { path, list } = files();
    for (const page of list.filter((file) => /^(README|docs\/.*)\.md$/.test(file)))
      for (const [, target] of readFileSync(join(path, page), "utf8").matchAll(/\]\(([^)#]+)[^)]*\)/g))
        assert.ok(
          /^https:/.test(target!) || existsSync(join(path, dirname(page), target!)),
          `${page}: ${target}`,
        );
  });
}
