import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { cifar10, cifar100, openCifar } from "../../src/data/cifar.js";
import type { Split } from "../../src/data/dataset.js";
import { unzipped } from "../../src/data/files.js";
import { decodeIdx, encodeIdx } from "../../src/data/idx.js";
import { fashionClasses } from "../../src/data/idxset.js";
import { openIdxFolder, unzippedIdx } from "../../src/data/mnist.js";
import { openDataset } from "../../src/data/open.js";
import { DataError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";
import { cuttingChangesNothing, onlyTrainingIsRandom } from "../laws/split.js";

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "comet-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const rejects = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error) => error instanceof DataError && message.test(error.message));

test("decodeIdx(encodeIdx(values)) is the values, gzipped or not", () => {
  const idx = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }).chain((dimensions) => {
    const length = dimensions.reduce((a, b) => a * b, 1);
    return fc.tuple(fc.constant(dimensions), fc.uint8Array({ minLength: length, maxLength: length }));
  });
  fc.assert(
    fc.property(idx, fc.boolean(), ([dimensions, data], zipped) => {
      const file = encodeIdx(dimensions, data);
      const got = decodeIdx(
        zipped ? unzippedIdx(gzipSync(file), "file", dimensions.length) : file,
        "file",
        dimensions.length,
      );
      assert.deepEqual(got.dimensions, dimensions);
      assert.deepEqual([...got.data], [...data]);
    }),
    { seed, numRuns: 100 },
  );
});

test("an IDX file that is cut, not IDX or not gzip says what is wrong", () => {
  const file = encodeIdx([2, 3], new Uint8Array(6));
  assert.throws(() => decodeIdx(file.subarray(0, 7), "f", 2), /f: expected an IDX header of 12 bytes, got 7/);
  assert.throws(() => decodeIdx(file.subarray(0, 17), "f", 2), /f: expected 18 bytes .*2×3, got 17/);
  assert.throws(() => decodeIdx(Buffer.concat([file, file]), "f", 2), /f: expected 18 bytes .*2×3, got 36/);
  const floats = file.slice();
  floats[2] = 0x0d;
  assert.throws(() => decodeIdx(floats, "f", 2), /f: expected IDX magic 0x00000802 .*got 0x00000d02/);
  assert.throws(() => decodeIdx(file, "f", 1), /f: expected IDX magic 0x00000801 .*got 0x00000802/);
  assert.throws(() => unzipped(gzipSync(file).subarray(0, 20), "f", 100), /f: expected a whole gzip file/);
});

async function writeIdxFolder(folder: string, labels: number[], size = 2): Promise<void> {
  for (const prefix of ["train", "t10k"]) {
    const pixels = new Uint8Array(labels.length * size * size).map((_, i) => i);
    await writeFile(
      join(folder, `${prefix}-images-idx3-ubyte`),
      encodeIdx([labels.length, size, size], pixels),
    );
    await writeFile(
      join(folder, `${prefix}-labels-idx1-ubyte`),
      encodeIdx([labels.length], Uint8Array.from(labels)),
    );
  }
}

test("an IDX folder: values are v/255/std, and each bad file is named", async (t) => {
  const folder = await folderFor(t);
  const open = () => openIdxFolder(folder, "tiny", fashionClasses);
  await rejects(open(), /train-images-idx3-ubyte: expected a file, got nothing there/);
  await writeIdxFolder(folder, [3, 9]);
  const data = await open();
  const images = new Float32Array(8);
  const labels = new Float32Array(2);
  await data.train.batch(Uint32Array.of(1, 0), images, labels, null);
  assert.deepEqual([...labels], [9, 3]);
  const expected = [4, 5, 6, 7, 0, 1, 2, 3].map((v) =>
    Math.fround(Math.fround(v / 255) / Math.fround(0.354)),
  );
  assert.deepEqual([...images], expected);

  await writeFile(join(folder, "t10k-labels-idx1-ubyte"), encodeIdx([2], Uint8Array.of(0, 10)));
  await rejects(open(), /t10k-labels.*: expected labels 0 to 9, got label 10 at record 1/);
  await writeFile(join(folder, "t10k-labels-idx1-ubyte"), encodeIdx([1], Uint8Array.of(0)));
  await rejects(open(), /t10k-labels.*: expected 2 labels, one for each image, got 1/);
  await writeFile(join(folder, "t10k-images-idx3-ubyte"), encodeIdx([1, 3, 3], new Uint8Array(9)));
  await rejects(open(), /expected test images of 2×2 like the training images, got 3×3/);
});

const plane = 32 * 32;
const counts = { train: 10, test: 2 };

/** Records whose pixel values are a fixed pattern of record, channel and place. */
function records(count: number, labels: (n: number) => number[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    parts.push(
      Uint8Array.from(labels(n)),
      Uint8Array.from({ length: 3 * plane }, (_, i) => 1 + ((i * 7 + n) % 255)),
    );
  }
  return Buffer.concat(parts);
}

async function writeCifar10(folder: string): Promise<void> {
  for (const file of cifar10.trainFiles) {
    await writeFile(
      join(folder, file),
      records(2, (n) => [n]),
    );
  }
  await writeFile(
    join(folder, "test_batch.bin"),
    records(2, (n) => [9 - n]),
  );
}

test("CIFAR-10: planes, labels and the published normalisation", async (t) => {
  const folder = await folderFor(t);
  await writeCifar10(folder);
  const data = await openCifar(folder, cifar10, counts);
  assert.deepEqual([data.train.length, data.test.length, data.classes[9]], [10, 2, "truck"]);
  const images = new Float32Array(3 * plane);
  const labels = new Float32Array(1);
  await data.test.batch(Uint32Array.of(1), images, labels, null);
  assert.equal(labels[0], 8);
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  for (const i of [0, 1, 33, plane, 2 * plane + 5]) {
    const c = Math.floor(i / plane);
    const v = (1 + ((i * 7 + 1) % 255)) / 255;
    assert.ok(Math.abs(images[i]! - (v - mean[c]!) / std[c]!) < 1e-6);
  }
});

test("CIFAR-100: the fine label counts, and its names are read", async (t) => {
  const folder = await folderFor(t);
  await writeFile(
    join(folder, "train.bin"),
    records(10, (n) => [0, 90 + n]),
  );
  await writeFile(
    join(folder, "test.bin"),
    records(2, (n) => [19, n]),
  );
  const names = Array.from({ length: 100 }, (_, i) => `class${i}`);
  await writeFile(join(folder, "fine_label_names.txt"), `${names.join("\n")}\n\n`);
  const data = await openCifar(folder, cifar100, counts);
  const labels = new Float32Array(2);
  await data.train.batch(Uint32Array.of(9, 0), new Float32Array(2 * 3 * plane), labels, null);
  assert.deepEqual([...labels], [99, 90]);
  assert.deepEqual(data.classes, names);
});

test("CIFAR files that are missing, cut or mislabelled are named", async (t) => {
  const folder = await folderFor(t);
  const open = () => openCifar(folder, cifar10, counts);
  await rejects(open(), /data_batch_1.bin: .*; run comet data cifar10/);
  await writeCifar10(folder);
  await writeFile(join(folder, "data_batch_3.bin"), records(2, (n) => [n]).subarray(0, 6145));
  await rejects(
    open(),
    /data_batch_3.bin: expected 6146 bytes \(2 records of 3073\), got 6145 bytes; fetch the file again/,
  );
  await writeFile(
    join(folder, "data_batch_3.bin"),
    records(2, () => [10]),
  );
  await rejects(open(), /data_batch_3.bin: expected labels 0 to 9, got label 10 at record 0/);
});

test("augmentation is a crop of the padded image, mirrored or not, and takes every place there is", async (t) => {
  const folder = await folderFor(t);
  await writeCifar10(folder);
  const { train } = await openCifar(folder, cifar10, counts);
  const size = 3 * plane;
  // Red, told apart from the black of the padding: byte 0 appears in no image of this test.
  const black = Math.fround(Math.fround(0 - Math.fround(0.485)) / Math.fround(0.229));
  const plain = new Float32Array(size);
  await train.batch(Uint32Array.of(0), plain, new Float32Array(1), null);
  const seen = new Float32Array(size);
  const matches = (dy: number, dx: number, mirror: boolean) => {
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 32; x++) {
        const [from, column] = [y + dy, (mirror ? 31 - x : x) + dx];
        const inside = from >= 0 && from < 32 && column >= 0 && column < 32;
        if (seen[y * 32 + x] !== (inside ? plain[from * 32 + column] : black)) {
          return false;
        }
      }
    }
    return true;
  };
  const taken = { dy: new Set<number>(), dx: new Set<number>(), mirror: new Set<boolean>() };
  const rng = createRng(seed);
  for (let draw = 0; draw < 200; draw++) {
    await train.batch(Uint32Array.of(0), seen, new Float32Array(1), rng.fork(`draw ${draw}`));
    const views = [];
    for (let dy = -4; dy <= 4; dy++) {
      for (let dx = -4; dx <= 4; dx++) {
        views.push(...[false, true].filter((m) => matches(dy, dx, m)).map((mirror) => ({ dy, dx, mirror })));
      }
    }
    assert.equal(views.length, 1);
    const [{ dy, dx, mirror }] = views as [{ dy: number; dx: number; mirror: boolean }];
    taken.dy.add(dy);
    taken.dx.add(dx);
    taken.mirror.add(mirror);
  }
  assert.deepEqual([taken.dy.size, taken.dx.size, taken.mirror.size], [9, 9, 2]);
});

test("how an epoch is cut changes nothing, and the law catches a split that draws in turn", async (t) => {
  const folder = await folderFor(t);
  await writeCifar10(folder);
  const data = await openCifar(folder, cifar10, counts);
  await cuttingChangesNothing(data, data.train, seed);
  await onlyTrainingIsRandom(data, data.train, seed);

  const inTurn: Split = {
    length: data.train.length,
    batch(indices, images, labels, rng) {
      // What is drawn depends on how much was drawn before: the error that forking for each image prevents.
      const shift = rng ? rng.integer(0, 1000) : 0;
      data.train.batch(indices, images, labels, rng?.fork(`shift ${shift}`) ?? null);
    },
  };
  await assert.rejects(cuttingChangesNothing(data, inTurn, seed), assert.AssertionError);
  await assert.rejects(onlyTrainingIsRandom(data, data.test, seed), assert.AssertionError);
});

test("openDataset knows a folder by its files", async (t) => {
  const folder = await folderFor(t);
  await writeIdxFolder(folder, [3, 9]);
  assert.equal((await openDataset(folder)).train.length, 2);
  await writeFile(join(folder, "train.bin"), "");
  await rejects(
    openDataset(folder),
    /train.bin: expected 153700000 bytes \(50000 records of 3074\), got 0 bytes/,
  );
  await writeFile(join(folder, "data_batch_1.bin"), "");
  await rejects(openDataset(folder), /data_batch_1.bin: expected 30730000 bytes/);
});

test("a batch that does not fit its buffers, or names no image, is refused", async (t) => {
  const folder = await folderFor(t);
  await writeIdxFolder(folder, [1, 2]);
  const { train } = await openIdxFolder(folder, "tiny", fashionClasses);
  const batch = (index: number, values: number) => () =>
    train.batch(Uint32Array.of(index), new Float32Array(values), new Float32Array(1), null);
  assert.throws(batch(0, 5), /batch: expected 4 image values and 1 labels, got 5 and 1/);
  assert.throws(batch(2, 4), /batch: expected indices below 2, got 2/);
});

test("a gzipped file unfolds to no more than its own header says, and that has a limit", () => {
  // 64 MB of zeros in 64 KB.
  const header = encodeIdx([2, 3], new Uint8Array(6)).subarray(0, 12);
  const bomb = gzipSync(Buffer.concat([header, new Uint8Array(64e6)]));
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => unzippedIdx(bomb, "f", 2), /f: expected at most 18 bytes in a gzip file, got more/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8e6);
  const vast = encodeIdx([1, 1], new Uint8Array(1));
  vast.fill(255, 4, 12);
  assert.throws(
    () => unzippedIdx(gzipSync(vast), "f", 2),
    /f: expected at most 1073741824 bytes, got dimensions 4294/,
  );
  assert.throws(() => decodeIdx(vast, "f", 2), /at most 1073741824 bytes/);
  assert.throws(
    () => unzippedIdx(gzipSync(vast).subarray(0, 9), "f", 2),
    /f: expected an IDX header of 12 bytes/,
  );
});
