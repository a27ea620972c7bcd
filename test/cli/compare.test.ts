/** `comet compare`: every store on the same weights and batches, the table, the page, equal noise, and its errors. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { specificationOf, turnedTo } from "../../src/cli/compare/specification.js";
import { UsageError } from "../../src/error.js";
import { accuracyOf, type Comparison } from "../../src/runs/comparison.js";
import { stores as kinds } from "../../src/stores/registry.js";
import { defaults } from "../../src/training/settings.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "comet-"));
after(() => rmSync(out, { recursive: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, "compare", "--threads", "1", "--out", out, ...args], {
    encoding: "utf8",
  });

function compared(...args: string[]): Comparison {
  const { status, stdout, stderr } = run(...args, "--json");
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Comparison;
}

const small = ["--model", "resnet8", "--batch", "8", "--warm", "6", "--steps", "2", "--batches", "2"];

test("equal noise: the same weights and batches, knobs tuned to the first store, exact stores as they are", () => {
  const { stores, equal, target, batches } = compared(
    ...small,
    ...["--stores", "comet,comet:policy=fixed:quantizer=support,comet-conv,recompute,plain"],
    ...["--equal", "noise", "--points", "2"],
  );
  const [first, fixed, conv, recompute, plain] = stores as Required<Comparison>["stores"];
  assert.deepEqual([equal, target, batches], ["noise", first!.noise, 2]);
  for (const tuned of [first!, fixed!, conv!]) {
    assert.ok(Math.abs(tuned.noise / target! - 1) <= 0.02, `${tuned.store}: ${tuned.noise}, not ${target}`);
    assert.ok(tuned.worstErrorRatio! < 1 && tuned.worstErrorRatio! > 0.5 && tuned.auditedFrames > 0);
    assert.ok(tuned.curve.length >= 2);
    assert.ok(tuned.curve.some(({ knob }) => knob!.value === tuned.knob!.value));
  }
  assert.equal(fixed!.knob!.setting, "bound");
  assert.equal(conv!.knob!.setting, "share");
  for (const exact of [recompute!, plain!]) {
    assert.deepEqual(
      [exact.noise, exact.worstErrorRatio, exact.largestError, exact.knob],
      [0, null, null, null],
    );
    assert.match(exact.note, /exact/);
  }
  assert.equal(plain!.convRatio, 1);
  assert.ok(first!.savedBytes < conv!.savedBytes && conv!.savedBytes < plain!.savedBytes);
  assert.ok(
    first!.storeShare > 0 && first!.storeShare < 1 && first!.devicePeakBytes < plain!.devicePeakBytes,
  );
  // The learning rate is 0, so the exact gradients of all stores have the same bits.
  const exactGradients = stores.map(({ layers }) =>
    layers.map(({ parameter, gradient }) => [parameter, gradient]),
  );
  for (const gradients of exactGradients) assert.deepEqual(gradients, exactGradients[0]);
  for (const { bias, sigma, error, samples } of first!.layers) {
    assert.equal(samples, 2);
    assert.ok(bias! >= 0 && sigma! >= 0 && error >= 0);
  }
});

test("a table and a page: bytes against noise, and accuracies with their spread over seeds", () => {
  const { status, stdout, stderr } = run(
    ...small,
    ...["--stores", "comet,plain", "--seeds", "1,2", "--train-steps", "4", "--points", "1"],
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^resnet8, batch 8, 28 × 28, fashion-mnist, after 6 plain steps/);
  assert.match(stdout, /│ comet +│ share 0\.01 │.*of the bound │ +\d+\.\d+ ± \d+\.\d+ % │/);
  assert.match(stdout, /│ plain +│ +– │ +1\.00x │.* 0 │ +exact │ +\d+\.\d+ ± \d+\.\d+ % │/);
  const page = readdirSync(out).find((name) => name.endsWith(".html"))!;
  assert.ok(stdout.includes(page));
  const html = readFileSync(join(out, page), "utf8");
  assert.match(html, /data-figure="pareto"/);
  assert.match(html, /data-figure="signal-to-noise"/);
  assert.match(html, /<summary>comet: error of each parameter’s gradient<\/summary>/);
  const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!) as {
    comparison: Comparison;
  };
  assert.deepEqual(
    data.comparison.stores.map(({ store, accuracies }) => [store, accuracies.map(({ seed }) => seed)]),
    [
      ["comet", [1, 2]],
      ["plain", [1, 2]],
    ],
  );
});

test("a store that fails is a row that says why, the others go on, and --resume measures what is left", () => {
  const folder = mkdtempSync(join(tmpdir(), "comet-"));
  try {
    const kept = () => join(folder, readdirSync(folder).find((name) => /^compare.*json$/.test(name))!);
    const stored = () => JSON.parse(readFileSync(kept(), "utf8")).comparison as Comparison;
    const first = run(
      ...[...small, "--out", folder, "--data", "random", "--warm", "0", "--image", "16", "--points", "0"],
      ...["--stores", "comet:policy=fixed:bound=1e-5,blpa,plain"],
      ...["--model", "lenet", "--equal", "nothing"],
    );
    assert.equal(first.status, 0, first.stderr);
    // BLPA needs batch normalisation, and this network has none.
    assert.match(first.stdout, /│ blpa +│ not measured: see below/);
    assert.match(first.stdout, /^blpa: UsageError: --stores blpa: /m);
    assert.match(first.stderr, /^store 3 of 3: plain$/m);
    const { stores, failed } = stored();
    assert.deepEqual(
      [stores.map(({ store }) => store), failed.map(({ store }) => store)],
      [["comet:policy=fixed:bound=1e-5", "plain"], ["blpa"]],
    );
    // As if the command had been stopped behind the first store.
    const whole = JSON.parse(readFileSync(kept(), "utf8"));
    const cut = { ...whole, comparison: { ...whole.comparison, stores: [stores[0]], failed: [] } };
    writeFileSync(kept(), JSON.stringify(cut));
    const again = run("--resume", kept(), "--stores", "recompute");
    assert.equal(again.status, 1, "--threads is refused");
    const more = spawnSync(
      process.execPath,
      [main, "compare", "--resume", kept(), "--stores", "recompute", "--out", folder],
      { encoding: "utf8" },
    );
    assert.equal(more.status, 0, more.stderr);
    assert.doesNotMatch(more.stderr, /^store 1 of 4/m);
    assert.deepEqual(
      stored().stores.map(({ store, noise }) => [store, noise]),
      [
        [stores[0]!.store, stores[0]!.noise],
        ["plain", 0],
        ["recompute", 0],
      ],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a store that cannot reach the target has the figures of its limit", () => {
  const { stores, failed } = compared(
    // COMET can reach this: where all values come back as they are, its noise is 3.9e-7, from tensors that are recovered as p − s.
    ...[...small, "--warm", "2", "--points", "0", "--equal", "noise", "--target", "1e-6"],
    ...["--stores", "comet:policy=fixed:bound=1e-6,division"],
  );
  assert.deepEqual(failed, []);
  const [, division] = stores;
  assert.match(division!.note, /out of reach of a gradient noise of 1\.00e-6/);
  assert.ok(division!.unreached && division!.noise > 1e-6 && division!.curve.length > 1);
});

test("whatever store is registered takes part under its own name, and turns its knob if it has one", () => {
  for (const { name } of kinds) {
    const specification = specificationOf(name);
    assert.equal(specification.own.store, name);
    if (!specification.knob) continue;
    const { knob } = specification;
    const value = "values" in knob ? knob.values.at(-1) : knob.least;
    const turned = specificationOf(turnedTo(specification, value).text);
    assert.equal((turned.own as Record<string, unknown>)[knob.setting], value);
  }
});

test("a store is a name with settings, and what it does not read is refused", () => {
  const { own, text } = specificationOf("comet:policy=budget:saved-bytes=1MiB");
  assert.deepEqual(own, { store: "comet", policy: "budget", savedBytes: "1MiB" });
  assert.equal(specificationOf(text).knob, null);
  assert.equal(defaults.policy, "law");
  for (const [typed, complaint] of [
    ["comt", /--stores comt: expected the name of a store, got "comt"; did you mean comet/],
    ["plain:share=1", /--stores plain:share=1: .* plain has no settings/],
    ["comet:sahre=1", /settings of comet as name=value, got sahre=1/],
    ["comet:share", /settings of comet as name=value, got share/],
    ["comet:share=-1", /--stores comet:share=-1: settings\.share: expected a finite number above 0, got -1/],
    ["comet:mode=slow", /--stores comet:mode=slow: settings\.mode: expected one of/],
    [
      "comet:bound=0.1",
      /expected policy=fixed, with which comet reads bound.*leave bound out, or add policy=fixed/,
    ],
  ] as const) {
    assert.throws(
      () => specificationOf(typed),
      (error: Error) => error instanceof UsageError && complaint.test(error.message),
    );
  }
});

test("what cannot be compared is refused before anything is trained, or names the store", () => {
  for (const [args, complaint] of [
    [["--equal", "accuracy"], /--equal accuracy: expected --seeds with it/],
    [["--target", "1"], /--target: expected --equal/],
    [["--equal", "noise", "--target", "-1"], /--target: expected a number above 0/],
    [["--seeds", "1,x"], /--seeds: expected whole numbers/],
    [["--steps", "1"], /--steps: expected a whole number of at least 2/],
    [["--data", "random", "--seeds", "1"], /--seeds: expected data with classes/],
    [["--stores", "comet,nope"], /--stores nope: expected the name of a store/],
    [
      [...small, "--warm", "0", "--stores", "plain,comet", "--equal", "noise", "--points", "0"],
      /--equal noise: expected a first store with gradient noise.*plain, whose gradients are exact/,
    ],
    [
      [...small, "--warm", "0", "--stores", "comet:policy=fixed", "--equal", "bytes", "--target", "1"],
      /store comet:policy=fixed: expected 1 saved bytes an image, got \d+ bytes an image at bound 100, its limit/,
    ],
    [
      [...small, "--warm", "0", "--stores", "comet", "--memory", "1MiB", "--batch", "32"],
      /MemoryError: --stores comet: /,
    ],
  ] as const) {
    const { status, stderr } = run(...args);
    assert.equal(status, 1, args.join(" "));
    assert.match(stderr, complaint);
  }
});

test("the spread of accuracies is their standard deviation; one run has none", () => {
  const of = (...all: number[]) =>
    accuracyOf({ accuracies: all.map((accuracy, seed) => ({ seed, accuracy })) });
  assert.deepEqual(of(0.25, 0.75), { mean: 0.5, spread: Math.sqrt(0.125) });
  assert.deepEqual(of(0.5), { mean: 0.5, spread: null });
  assert.equal(of(), null);
});
