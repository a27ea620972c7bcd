/** Photographs named by ImageNet's synsets, and weights for all its classes under PyTorch's names or the published ones. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encode as encodePng } from "fast-png";
import { imagenetClasses, namedBySynset, openImagenet } from "../../src/data/imagenet.js";
import { createEngine } from "../../src/engine/engine.js";
import { DataError } from "../../src/error.js";
import { writeSafetensors } from "../../src/files/safetensors.js";
import { createModel, models } from "../../src/models/models.js";
import { blank } from "../../src/nn/index.js";

const folder = await mkdtemp(join(tmpdir(), "comet-imagenet-"));
after(() => rm(folder, { recursive: true }));

/** 30 × 30 pixels of one grey. */
const picture = (grey: number) =>
  encodePng({ width: 30, height: 30, channels: 3, data: new Uint8Array(2700).fill(grey) });

async function place(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, bytes);
}

test("the thousand synsets are in the order of their numbers", () => {
  const classes = imagenetClasses();
  const synsets = classes.map(({ synset }) => synset);
  assert.equal(new Set(synsets).size, 1000);
  assert.deepEqual(synsets, [...synsets].sort());
  assert.deepEqual(classes[0], { synset: "n01440764", name: "tench" });
  assert.deepEqual(classes[207], { synset: "n02099601", name: "golden retriever" });
  assert.deepEqual(classes[999], { synset: "n15075141", name: "toilet tissue" });
});

test("a photograph's class is the synset in its path", async () => {
  await place("mixed/n02099601/dog.png", picture(3));
  await place("mixed/n15075141_toilet_tissue.png", picture(200));
  await place("mixed/notes.txt", new Uint8Array(1));
  assert.ok(await namedBySynset(join(folder, "mixed")));
  const { classes, test: split, close } = await openImagenet(join(folder, "mixed"), { size: 24 });
  const labels = new Float32Array(split.length);
  await split.batch(Uint32Array.of(0, 1), new Float32Array(2 * 3 * 24 * 24), labels, null);
  await close();
  assert.equal(classes.length, 1000);
  assert.deepEqual([...labels], [207, 999]);
});

test("a photograph of no class of ImageNet's is named", async () => {
  await place("odd/n00000001/x.png", picture(3));
  await assert.rejects(
    openImagenet(join(folder, "odd")),
    (error) => error instanceof DataError && /odd.*x\.png: .*got n00000001/.test(error.message),
  );
  await place("plain/cat/x.png", picture(3));
  assert.ok(!(await namedBySynset(join(folder, "plain"))));
});

test("SqueezeNet's published names", () => {
  const { published } = models.squeezenet1_0!;
  const engine = createEngine({ memory: "64MiB" });
  const model = createModel("squeezenet1_0", blank(engine), {
    channels: 3,
    height: 64,
    width: 64,
    classes: 7,
  });
  const names = [...model.state()].map(([name]) => published!.name(name));
  assert.equal(new Set(names).size, 52);
  for (const name of [
    "conv1.weight",
    "fire2/squeeze1x1.weight",
    "fire5/expand1x1.bias",
    "fire9/expand3x3.weight",
    "conv10.bias",
  ]) {
    assert.ok(names.includes(name), name);
  }
});

test("comet evaluate knows ImageNet's classes by the photographs' synsets", async () => {
  // All weights 0, and a bias that prefers class 999 to 207 and 207 to the others.
  const engine = createEngine({ memory: "64MiB" });
  const input = { channels: 3, height: 64, width: 64, classes: 1000 };
  const model = createModel("squeezenet1_0", blank(engine), input);
  const bias = [...model.state()].find(([name]) => name === "classifier.1.bias")![1].data;
  bias[999] = 2;
  bias[207] = 1;
  const { published } = models.squeezenet1_0!;
  const file = join(folder, "published.safetensors");
  await writeSafetensors(
    file,
    [...model.state()].map(([name, tensor]) => [published!.name(name), tensor]),
  );
  const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
  const args = [
    "evaluate",
    file,
    "--model",
    "squeezenet1_0",
    "--data",
    join(folder, "mixed"),
    "--image",
    "64",
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
  assert.match(stdout, /^50\.00 % of 2 test images right, 100\.00 % among the first five, mean loss/);
});
