/** The commands that measure memory: what they print, and the search for the largest batch. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { largest, largestOf, type Tried } from "../../src/cli/maxbatch.js";
import { longRun, type Measured } from "../../src/cli/measure.js";
import type { Row } from "../../src/cli/memory.js";
import type { Packed } from "../../src/engine/packed.js";
import type { Recipe, SavedTensor } from "../../src/engine/saved.js";
import { PlainStore } from "../../src/engine/store.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { models } from "../../src/models/models.js";
import { torchSavedBytes } from "../../src/models/torch.js";
import { stopwatch } from "../../src/stores/stopwatch.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const comet = (...args: string[]) => execFileSync(process.execPath, [main, ...args], { encoding: "utf8" });

test("the largest batch that fits is found, whatever it is and however the need grows", async () => {
  const grows = {
    line: (n: number) => n,
    curve: (n: number) => n ** 1.5,
    steps: (n: number) => n - (n % 7) + 7,
  };
  for (const [name, need] of Object.entries(grows)) {
    for (let limit = 0; limit <= 90; limit++) {
      const memory = need(limit) + 0.5;
      const fits = (n: number) => need(n) <= memory;
      const found = await largest(64, async (n) => (fits(n) ? need(n) / memory : null));
      const expected = Array.from({ length: 65 }, (_, n) => n).findLast((n) => n === 0 || fits(n));
      assert.equal(found, expected, `${name}, limit ${limit}`);
    }
  }
});

test("where the need is a straight line, few batches are tried", async () => {
  const tried: number[] = [];
  const use = (n: number) => (290 + 9.3 * n) / 1024;
  const found = await largest(256, async (n) => {
    tried.push(n);
    return use(n) <= 1 ? use(n) : null;
  });
  assert.equal(found, 78);
  assert.deepEqual(tried, [1, 4, 78, 79]);
});

test("a batch that fits for few steps only is not the largest", async () => {
  for (const holds of [0, 1, 7, 9, 10]) {
    let long = 0;
    const tried: Tried = async (batch, steps) => {
      if (steps > 2) long++;
      const fits = batch <= (steps > 2 ? holds : 10);
      return fits ? ({ last: { devicePeakBytes: batch } } as Measured) : null;
    };
    const best = await largestOf(64, tried, 10, "test");
    assert.equal(best?.batch ?? 0, holds);
    assert.equal(long, Math.min(10, 11 - holds));
  }
});

test("a long training takes the median steps of both kinds, one of W of which collects", () => {
  const steps = [
    ...[7, 1, 4, 2].map((ms) => ({ ms, collects: false })),
    ...[13, 23].map((ms) => ({ ms, collects: true })),
  ];
  assert.equal(longRun(steps, 10), 0.9 * 3 + 0.1 * 18);
  assert.equal(longRun([...steps, { ms: 100, collects: false }], 10), 0.9 * 4 + 0.1 * 18);
  assert.equal(longRun(steps.slice(0, 4), 10), 3);
  assert.equal(longRun(steps.slice(4), 10), 18);
});

test("max-batch names the images that it measured, and says where it stopped before the memory was full", () => {
  const args = [
    "max-batch",
    "--model",
    "resnet8",
    "--data",
    "fashion-mnist",
    "--store",
    "plain",
    "--threads",
    "1",
  ];
  const printed = comet(...args, "--most", "2");
  assert.match(printed, /^resnet8, 28 × 28, 1GiB, fashion-mnist/);
  assert.match(printed, /│ +2, the most tried │/);
  assert.match(comet(...args, "--most", "9", "--memory", "2MiB"), /│ plain │ +[1-8] │/);
});

test("comet memory tells each store's bytes, and says that its input is random", () => {
  const printed = comet("memory", "--model", "resnet8", "--batch", "2", "--image", "16", "--threads", "1");
  assert.match(printed, /^resnet8, batch 2, 16 × 16, random input/);
  for (const store of ["plain", "recompute", "comet-conv", "comet"])
    assert.match(printed, new RegExp(`│ ${store} +│`));
});

test("comet memory --timeline tells what lives at the peak and over the step, by site", () => {
  const args = ["memory", "--model", "resnet8", "--batch", "2", "--image", "16", "--threads", "1"];
  const printed = comet(...args, "--store", "plain", "--timeline");
  assert.match(printed, /At the peak, [\d.]+ KiB|At the peak, [\d.]+ MiB/);
  assert.match(printed, /│ layer1\.0\.bn1 +│ saved +│/);
  assert.match(printed, /\(peak\)/);
});

test("each store's memory is measured in a process of its own, and its time is a share of the step", () => {
  const args = ["memory", "--model", "resnet8", "--batch", "4", "--image", "16", "--threads", "1", "--json"];
  const [row, ...others] = JSON.parse(comet(...args, "--store", "comet", "--policy", "spread")) as Row[];
  assert.equal(others.length, 0);
  assert.ok(row!.storeShare > 0.02 && row!.storeShare < 0.98, `share ${row!.storeShare}`);
  assert.ok(row!.residentPeakBytes > row!.last.devicePeakBytes);
  assert.throws(() => comet(...args, "--store", "plain", "--policy", "budget"), /budget/);
});

test("comet memory --chains tells which tensors are kept, and from what the others are made", () => {
  const args = ["memory", "--model", "resnet8", "--batch", "2", "--image", "16", "--threads", "1"];
  const printed = comet(...args, "--store", "comet", "--chains");
  assert.match(printed, /Saved tensors under comet/);
  assert.match(printed, /│ layer1\.0\.bn1 +│ frame +│ +[\d.]+ [KM]?i?B │ layer1\.0\.bn1\.y +│/);
  assert.match(printed, /│ layer1\.0\.relu1 +│ recomputed from layer1\.0\.bn1 +│ +– │/);
  assert.match(printed, /│ layer1\.0\.bn2 +│ recovered from layer1\.0\.add and relu +│ +– │/);
});

test("--from measures a trained network under any store, with the bounds that were asked for", () => {
  const out = mkdtempSync(join(tmpdir(), "comet-"));
  try {
    const begin = (store: string) => {
      const args = ["--model", "resnet8", "--batch", "32", "--steps", "6", "--threads", "1", "--out", out];
      return (JSON.parse(comet("train", ...args, "--store", store, "--json")) as { path: string }).path;
    };
    const saved = (run: string, ...args: string[]) => {
      const common = ["memory", "--from", run, "--threads", "1", "--memory", "1GiB", "--json"];
      const [row] = JSON.parse(comet(...common, ...args)) as [Row];
      assert.equal(row.last.step, 8);
      return row.last.savedPeakBytes;
    };
    const [plain, trained] = [begin("plain"), begin("comet")];
    const raw = saved(trained, "--store", "plain");
    for (const run of [plain, trained]) {
      const kept = saved(run, "--store", "comet");
      assert.ok(kept < raw / 4, `${kept} of ${raw}`);
      assert.ok(saved(run, "--store", "comet", "--share", "0.1") < 0.8 * kept);
      const limit = ["--policy", "budget", "--saved-bytes", "500KiB"];
      assert.ok(saved(run, "--store", "comet", ...limit) <= 500 * 1024);
    }
    assert.throws(
      () => comet("memory", "--from", trained, "--batch", "8"),
      /--batch: expected none with --from/,
    );
    assert.throws(() => comet("memory", "--from", out), /manifest\.json/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("a stopwatch counts packing and unpacking, nested calls once, and nothing in between", () => {
  let clock = 0;
  const taking = <T>(ms: number, result: () => T) => {
    return () => {
      clock += ms;
      return result();
    };
  };
  const tensor = {} as Tensor;
  const form = { kind: "raw", bytes: 0 } as const;
  const source: Packed = { ...form, images: 1, range: taking(2, () => tensor), free() {} };
  const made: Packed = { ...form, images: 1, range: taking(1, () => source.range(0, 1)), free() {} };
  const store = new PlainStore();
  store.pack = taking(4, () => source);
  store.derive = taking(0, () => made);
  const elapsed = stopwatch(store, () => clock);
  store.pack(tensor);
  clock += 100;
  assert.equal(store.derive({} as SavedTensor, {} as Recipe).range(0, 1), tensor);
  assert.deepEqual(elapsed(), { packMs: 4, unpackMs: 0, recomputeMs: 1 + 2 });
  source.range(0, 1);
  assert.equal(elapsed().unpackMs, 2);
});

test("comet max-batch finds that more fits when less is kept", () => {
  const printed = comet(
    ...[
      "max-batch",
      "--model",
      "resnet8",
      "--image",
      "32",
      "--memory",
      "4MiB",
      "--threads",
      "1",
      "--most",
      "8",
    ],
  );
  const batch = (store: string) => Number(new RegExp(`│ ${store} +│ +(\\d+)`).exec(printed)![1]);
  assert.ok(
    batch("plain") > 0 && batch("recompute") > batch("plain") && batch("comet") > batch("plain"),
    printed,
  );
});

test("PyTorch's bytes are known of networks that there are", () => {
  for (const model of Object.keys(torchSavedBytes)) assert.ok(model in models, model);
});
