/** A data set of the caller's own values: what a batch holds, and what an error says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DatasetParts, datasetOf, type LabelledImage } from "../../src/data/arrays.js";
import type { Split } from "../../src/data/dataset.js";
import { DataError, ShapeError, UsageError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";

/** Three images of 2 × 1 × 2 values: 0 … 3, 4 … 7, 8 … 11. */
const values = Array.from({ length: 12 }, (_, i) => i);
const arrays = { images: values, labels: [1, 0, 1] };
const parts: DatasetParts = {
  classes: ["a", "b"],
  channels: 2,
  height: 1,
  width: 2,
  train: arrays,
  test: arrays,
};

async function* oneByOne(reused = new Float32Array(4)): AsyncGenerator<LabelledImage> {
  for (const [i, label] of arrays.labels.entries()) {
    reused.set(values.slice(4 * i, 4 * i + 4));
    yield { image: reused, label };
  }
}

function batchOf(split: Split, indices: readonly number[], seed?: number) {
  const [images, labels] = [new Float32Array(4 * indices.length), new Float32Array(indices.length)];
  split.batch(Uint32Array.from(indices), images, labels, seed === undefined ? null : createRng(seed));
  return { images: [...images], labels: [...labels] };
}

test("arrays and iterators give the same data set, even if the iterator reuses its buffer", async () => {
  const given = await datasetOf(parts);
  const iterated = await datasetOf({ ...parts, train: oneByOne(), test: oneByOne() });
  for (const { train, test, hash } of [given, iterated]) {
    assert.equal(hash, given.hash);
    assert.deepEqual([train.length, test.length], [3, 3]);
    assert.deepEqual(batchOf(train, [2, 0]), { images: [8, 9, 10, 11, 0, 1, 2, 3], labels: [1, 1] });
  }
});

test("the hash tells data sets apart, by a value or by a label", async () => {
  const hashes = await Promise.all(
    [arrays, { ...arrays, labels: [1, 0, 0] }, { ...arrays, images: values.map((x) => x + 1) }].map(
      async (test) => (await datasetOf({ ...parts, test })).hash,
    ),
  );
  assert.equal(new Set(hashes).size, 3);
});

test("augment changes the copy that trains, by the image's own stream, and nothing that tests", async () => {
  const augment = (image: Float32Array, rng: { uniform(): number }) => image.fill(rng.uniform());
  const { train, test } = await datasetOf({ ...parts, augment });
  const [first] = batchOf(train, [1], 5).images;
  assert.equal(batchOf(train, [0, 1], 5).images[4], first);
  assert.notEqual(batchOf(train, [0, 1], 5).images[0], first);
  assert.deepEqual(batchOf(train, [1]).images, [4, 5, 6, 7]);
  assert.deepEqual(batchOf(test, [1], 5).images, [4, 5, 6, 7]);
});

const refused: readonly [
  what: string,
  changes: Partial<DatasetParts>,
  error: RegExp,
  kind: typeof DataError,
][] = [
  [
    "too few values",
    { train: { ...arrays, images: [1, 2, 3] } },
    /datasetOf, train: expected 3 × 4 values for 3 labels, got 3/,
    ShapeError,
  ],
  [
    "a label that is no class",
    { test: { ...arrays, labels: [0, 1, 2] } },
    /image 2 of test: .*from 0 to 1, got 2/,
    DataError,
  ],
  [
    "a label between classes",
    { test: { ...arrays, labels: [0.5, 1, 1] } },
    /image 0 of test: .*got 0.5/,
    DataError,
  ],
  [
    "a value that is no float32",
    { train: { ...arrays, images: values.map((x) => (x === 9 ? 1e39 : x)) } },
    /image 2 of train: expected finite float32 values, got Infinity at 1/,
    DataError,
  ],
  [
    "an image of another size",
    { train: [{ image: [1, 2], label: 0 }] },
    /image 0 of train: expected 2 × 1 × 2/,
    ShapeError,
  ],
  ["no images", { test: [] }, /datasetOf, test: expected at least one image/, UsageError],
  ["no classes", { classes: [] }, /datasetOf, classes: expected at least one class/, UsageError],
  ["half a channel", { channels: 0.5 }, /datasetOf, channels: expected a whole number .*got 0.5/, ShapeError],
];

for (const [what, changes, message, kind] of refused) {
  test(`${what}: the error says where`, async () => {
    await assert.rejects(
      datasetOf({ ...parts, ...changes }),
      (error) => error instanceof kind && message.test(error.message),
    );
  });
}
