/** The models: PyTorch's names, shapes and numbers of parameters; and weights that travel, whole or not at all. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { assertNothingLeaks, engineOf } from "../../src/engine/tape.js";
import { sizeOf, Tensor } from "../../src/engine/tensor.js";
import { DataError, ShapeError, UsageError } from "../../src/error.js";
import { readSafetensors, writeSafetensors } from "../../src/files/safetensors.js";
import { createModel } from "../../src/models/models.js";
import { loadWeights, saveWeights } from "../../src/models/weights.js";
import { blank, build, type Module } from "../../src/nn/index.js";
import { hashWeights } from "../../src/training/weights-hash.js";

const folder = mkdtempSync(join(tmpdir(), "comet-models-"));
after(() => rmSync(folder, { recursive: true }));

const model = (name: string, extent: number, classes = 10, seed = 1): Module => {
  const engine = createEngine({ memory: "64MiB", threads: 1 });
  return createModel(name, build(engine, seed), { channels: 3, height: extent, width: extent, classes });
};

/** On a device of its own, with weights of whatever the memory holds: zeros. */
const unfilled = (name: string, extent: number, classes: number, channels = 3): Module => {
  const engine = createEngine({ memory: "1GiB", threads: 1 });
  return createModel(name, blank(engine), { channels, height: extent, width: extent, classes });
};

const parameterCount = (module: Module) =>
  [...module.allParameters()].reduce((sum, p) => sum + sizeOf(p.value.shape), 0);

test("numbers of parameters are those of the published networks", () => {
  for (const [name, count] of [
    ["alexnet", 61_100_840],
    ["vgg16", 138_357_544],
    ["vgg16_bn", 138_365_992],
    ["resnet18", 11_689_512],
    ["resnet50", 25_557_032],
    ["efficientnet_b0", 5_288_548],
    ["squeezenet1_0", 1_248_424],
  ] as const) {
    assert.equal(parameterCount(unfilled(name, 224, 1000)), count, name);
  }
  for (const [name, count] of [
    ["resnet20", 269_722],
    ["resnet32", 464_154],
    ["resnet44", 658_586],
    ["resnet56", 853_018],
  ] as const) {
    assert.equal(parameterCount(unfilled(name, 32, 10)), count, name);
  }
  assert.equal(parameterCount(unfilled("lenet", 28, 10, 1)), 61_706);
});

test("names are PyTorch's", () => {
  const names = [...model("resnet20", 32).state()].map(([name]) => name);
  assert.equal(names.length, 116);
  for (const name of [
    "conv1.weight",
    "bn1.running_var",
    "layer2.0.conv1.weight",
    "layer3.2.bn2.bias",
    "linear.bias",
  ]) {
    assert.ok(names.includes(name), name);
  }
  const alexnet = [...unfilled("alexnet", 63, 10).allParameters()].map((p) => p.name);
  assert.deepEqual(alexnet.slice(0, 4), [
    "features.0.weight",
    "features.0.bias",
    "features.3.weight",
    "features.3.bias",
  ]);
  assert.deepEqual(alexnet.slice(-2), ["classifier.6.weight", "classifier.6.bias"]);
});

for (const [name, extent] of [
  ["lenet", 16],
  ["resnet8", 8],
  ["resnet20", 33],
  ["alexnet", 63],
  ["alexnet", 96],
  ["vgg16", 32],
  ["vgg16_bn", 32],
  ["resnet18", 32],
  ["resnet50", 33],
  ["efficientnet_b0", 32],
  ["efficientnet_b0", 45],
  ["squeezenet1_0", 21],
  ["squeezenet1_0", 64],
] as const) {
  test(`${name} takes ${extent} × ${extent} images and leaves nothing behind`, () => {
    const network = unfilled(name, extent, 7);
    const engine = engineOf([...network.allParameters()][0]!.value);
    engine.recording = false;
    const y = network.forward(
      Tensor.from(engine, new Float32Array(2 * 3 * extent * extent).fill(0.5), [2, 3, extent, extent]),
    );
    assert.deepEqual(y.shape, [2, 7]);
    y.dispose();
    assertNothingLeaks(engine);
  });
}

test("an unknown model and an image that is too small are errors", () => {
  assert.throws(
    () => model("resnet21", 32),
    (error: Error) => error instanceof UsageError && /did you mean resnet20/.test(error.message),
  );
  assert.throws(
    () => model("alexnet", 62),
    (error: Error) => error instanceof UsageError && /at least 63 × 63/.test(error.message),
  );
});

test("weights written and read are the same weights", async () => {
  const path = join(folder, "a.safetensors");
  const source = model("resnet8", 8);
  await saveWeights(source, path, { seed: "1" });
  const target = model("resnet8", 8, 10, 2);
  assert.notEqual(hashWeights(target), hashWeights(source));
  await loadWeights(target, path);
  assert.equal(hashWeights(target), hashWeights(source));
});

test("a file of another model is refused whole, naming the tensor and both shapes", async () => {
  const path = join(folder, "b.safetensors");
  await saveWeights(model("resnet8", 8), path);
  const { tensors } = await readSafetensors(path);
  const target = model("resnet8", 8, 10, 2);
  const before = hashWeights(target);
  const rejects = async (
    change: (entries: typeof tensors) => void,
    type: typeof DataError,
    message: RegExp,
  ) => {
    const changed = new Map(tensors);
    change(changed);
    const file = join(folder, "c.safetensors");
    await writeSafetensors(file, changed);
    await assert.rejects(
      loadWeights(target, file),
      (error: Error) => error instanceof type && message.test(error.message),
    );
    assert.equal(hashWeights(target), before);
  };
  await rejects(
    (entries) => entries.delete("linear.bias"),
    DataError,
    /expected "linear.bias" \[10\], got no such tensor/,
  );
  await rejects(
    (entries) => entries.set("linear.bios", { shape: [1], data: new Float32Array(1) }),
    DataError,
    /"linear.bios".*did you mean linear.bias/,
  );
  await rejects(
    (entries) => entries.set("linear.bias", { shape: [9], data: new Float32Array(9) }),
    ShapeError,
    /"linear.bias": expected \[10\], got \[9\]/,
  );
});
