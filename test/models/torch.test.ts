/**
 * One training step of each network is PyTorch's: logits, loss, every gradient, every running statistic.
 *
 * Without PyTorch, against numbers that it left (test/golden/torch/step.py, in binary64). Of each tensor t two are kept,
 * ‖t‖ and Σ ±t with signs from a counter; a tensor that is off by e is off in both by about ‖e‖. With PyTorch (torchvision
 * too, found by `python3` or what COMET_PYTHON names) also value by value, on weights that travel in safetensors files.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../src/engine/engine.js";
import { assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { readSafetensors } from "../../src/files/safetensors.js";
import { mix } from "../../src/kernels/reference/mask.js";
import { alexnet } from "../../src/models/alexnet.js";
import type { Input } from "../../src/models/input.js";
import { models } from "../../src/models/models.js";
import { vgg16 } from "../../src/models/vgg.js";
import { loadWeights, saveWeights } from "../../src/models/weights.js";
import {
  BatchNorm2d,
  type Builder,
  blank,
  Dropout,
  type Module,
  name as named,
  StochasticDepth,
} from "../../src/nn/index.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { deriveSeed } from "../../src/rng.js";

interface Golden {
  /** Pixels of an image's side. */
  size: number;
  batch: number;
  /** Names of all parameters and buffers. */
  state: string[];
  tensors: Record<string, [norm: number, projection: number]>;
}

const folder = new URL("../../../test/golden/torch/", import.meta.url);
const golden = JSON.parse(readFileSync(new URL("golden.json", folder), "utf8")) as Record<string, Golden>;

const hidden = 64;
const classes = 10;
const smoothing = 0.1;

/**
 * What float32 may do to a tensor, relative to its norm, or to a thousandth of all gradients' norm where that is more:
 * a bias in front of a batch norm has gradient 0 but for rounding.
 */
const tolerance = 1e-4;

/** The networks as the goldens have them: few hidden features. */
const builders: Record<string, (b: Builder, input: Input) => Module> = {
  alexnet: (b, input) => alexnet(b, input, hidden),
  vgg16: (b, input) => vgg16(false)(b, input, hidden),
  vgg16_bn: (b, input) => vgg16(true)(b, input, hidden),
};

/** What training does at random is left out, for PyTorch would draw otherwise. */
function network(name: string): Module {
  const { size } = golden[name]!;
  const engine = createEngine({ memory: "1GiB", threads: 1 });
  const create = builders[name] ?? models[name]!.create;
  const model = named(create(blank(engine), { channels: 3, height: size, width: size, classes }));
  for (const module of model.modules()) {
    if (module instanceof Dropout || module instanceof StochasticDepth) module.training = false;
  }
  return model;
}

/** The counter-based generator of step.py. */
const counter = (stream: number, name: string) => {
  const start = mix(deriveSeed(stream, name) >>> 0);
  return (i: number) => mix((start + i) >>> 0);
};

/** Uniform within ±limit around a centre that may depend on what was drawn. */
function fillUniform(
  values: Float32Array,
  name: string,
  limit: number,
  centre: (drawn: number) => number = () => 0,
): void {
  const bits = counter(1, name);
  const scale = Math.fround(limit);
  for (let i = 0; i < values.length; i++) {
    const drawn = Math.fround(((bits(i) >>> 8) * 2 ** -23 - 1) * scale);
    values[i] = drawn + centre(drawn);
  }
}

function fillGolden(model: Module): void {
  for (const module of model.modules()) {
    const normalises = module instanceof BatchNorm2d;
    for (const { name, value } of Object.values(module.parameters)) {
      const fanIn = value.shape.slice(1).reduce((product, extent) => product * extent, 1);
      if (value.shape.length > 1) fillUniform(value.data, name, Math.sqrt(6 / fanIn));
      else if (!normalises) fillUniform(value.data, name, 0.1);
      else if (name.endsWith("weight")) fillUniform(value.data, name, 0.5, () => 1);
      else fillUniform(value.data, name, 0.5, (drawn) => (drawn < 0 ? -2 : 2));
    }
  }
}

/** One step without an update, on the golden batch: everything by its name. */
function step(name: string, model: Module): Map<string, Float32Array> {
  const { size, batch } = golden[name]!;
  const { engine } = [...model.allParameters()][0]!.value;
  const images = Tensor.empty(engine, [batch, 3, size, size], "images");
  fillUniform(images.data, "images", 2);
  const labels = Tensor.from(
    engine,
    Array.from({ length: batch }, (_, i) => (3 * i) % classes),
    [batch],
  );
  const logits = model.forward(images);
  const made = new Map([["logits", logits.data.slice()]]);
  const loss = crossEntropy(logits, labels, { smoothing });
  made.set("loss", loss.data.slice());
  backward(loss);
  for (const parameter of model.allParameters()) {
    made.set(`gradient of ${parameter.name}`, parameter.gradient!.data.slice());
    parameter.gradient!.dispose();
    parameter.gradient = null;
  }
  assertNothingLeaks(engine);
  for (const [key, tensor] of model.state()) if (key.includes("running")) made.set(key, tensor.data.slice());
  return made;
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

function projection(name: string, values: Float32Array): number {
  const bits = counter(2, name);
  return values.reduce((sum, v, i) => sum + (bits(i) & 1 ? -v : v), 0);
}

/** The scale of each tensor's tolerated error: see `tolerance`. */
function scales(norms: ReadonlyMap<string, number>): (name: string) => number {
  const gradients = [...norms].filter(([name]) => name.startsWith("gradient"));
  const all = Math.sqrt(gradients.reduce((sum, [, n]) => sum + n * n, 0));
  return (name) => Math.max(norms.get(name)!, name.startsWith("gradient") ? all / 1000 : 0);
}

/** The largest error of any tensor in its scale, and which it is. */
function worstOf(
  errors: Iterable<readonly [string, number]>,
  scale: (name: string) => number,
): [number, string] {
  return [...errors].reduce<[number, string]>(
    (worst, [name, error]) => {
      const relative = error / scale(name);
      return relative > worst[0] || Number.isNaN(relative) ? [relative, name] : worst;
    },
    [0, ""],
  );
}

/** Of two numbers a tensor. */
function goldenError(name: string, made: ReadonlyMap<string, Float32Array>): [number, string] {
  const expected = Object.entries(golden[name]!.tensors);
  assert.deepEqual([...made.keys()].sort(), expected.map(([key]) => key).sort());
  const scale = scales(new Map(expected.map(([key, [size]]) => [key, size])));
  const errors = expected.map(([key, [size, projected]]) => {
    const values = made.get(key)!;
    const off = [norm(values) - size, projection(key, values) - projected].map(Math.abs);
    return [key, Math.max(...off)] as const;
  });
  return worstOf(errors, scale);
}

for (const name of Object.keys(golden)) {
  test(`a step of ${name} has PyTorch's logits, gradients and statistics`, () => {
    const model = network(name);
    assert.deepEqual(
      [...model.state()].map(([key]) => key),
      golden[name]!.state,
    );
    fillGolden(model);
    const [error, where] = goldenError(name, step(name, model));
    assert.ok(error < tolerance, `${where}: off by ${error} of its norm`);
  });
}

test("the comparison catches a gradient with two values swapped, and one that is 0.1 % off", () => {
  const name = "resnet20";
  const model = network(name);
  fillGolden(model);
  const made = step(name, model);
  const key = "gradient of layer2.1.conv1.weight";
  const whole = made.get(key)!;
  made.set(
    key,
    whole.map((v) => 1.001 * v),
  );
  assert.ok(goldenError(name, made)[0] > tolerance);
  made.set(
    key,
    whole.map((_, i) => whole[i ^ 1]!),
  );
  assert.deepEqual(goldenError(name, made)[1], key);
  assert.ok(goldenError(name, made)[0] > tolerance);
});

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const python = [process.env.COMET_PYTHON ?? "python3", "/usr/bin/python3"].find(
  (path) => spawnSync(path, ["-c", "import torch, torchvision"]).status === 0,
);

test("values and files agree with the PyTorch installed here", {
  skip: !python && "no PyTorch",
}, async (t) => {
  const place = mkdtempSync(join(tmpdir(), "comet-torch-"));
  after(() => rmSync(place, { recursive: true }));
  const file = (name: string, what: string) => join(place, `${name}.${what}`);
  const sent = new Map<string, Module>();
  for (const name of Object.keys(golden)) {
    const model = network(name);
    fillGolden(model);
    await saveWeights(model, file(name, "sent"));
    sent.set(name, model);
  }
  const script = fileURLToPath(new URL("step.py", folder));
  const run = spawnSync(python!, [script, "steps", place, ...sent.keys()], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  for (const [name, model] of sent) {
    const ours = step(name, model);
    const { tensors: theirs } = await readSafetensors(file(name, "made"));
    assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
    const errors = [...theirs].map(([key, { data }]) => {
      const values = ours.get(key)!;
      return [key, norm(data.map((v, i) => v - values[i]!))] as const;
    });
    const scale = scales(new Map([...theirs].map(([key, { data }]) => [key, norm(data)])));
    const [error, where] = worstOf(errors, scale);
    t.diagnostic(`${name}: largest error ÷ norm ${error.toExponential(2)}, ${where}`);
    assert.ok(error < tolerance, `${where}: off by ${error} of its norm`);
    // Parameters untouched by the step come back bit by bit, and the step was counted.
    const back = network(name);
    await loadWeights(back, file(name, "state"));
    const state = new Map(back.state());
    for (const { name: key, value } of model.allParameters()) {
      assert.ok(bytesOf(state.get(key)!).equals(bytesOf(value)), key);
    }
    for (const [key, { data }] of state) if (key.endsWith("tracked")) assert.equal(data[0], 1, key);
  }
});
