/** Laws of a Split, independent of how it stores its images. */
import assert from "node:assert/strict";
import type { Dataset, Split } from "../../src/data/dataset.js";
import { createRng } from "../../src/rng.js";

/** The images of `batches` by index, as the split writes them with the seed's rng (null: evaluation). */
async function imagesOf(
  split: Split,
  imageLength: number,
  batches: readonly (readonly number[])[],
  seed: number | null,
): Promise<Map<number, { image: Float32Array; label: number }>> {
  const found = new Map<number, { image: Float32Array; label: number }>();
  const rng = seed === null ? null : createRng(seed);
  for (const batch of batches) {
    const images = new Float32Array(batch.length * imageLength);
    const labels = new Float32Array(batch.length);
    await split.batch(Uint32Array.from(batch), images, labels, rng);
    for (const [n, index] of batch.entries()) {
      found.set(index, {
        image: images.slice(n * imageLength, (n + 1) * imageLength),
        label: labels[n]!,
      });
    }
  }
  return found;
}

const imageLengthOf = ({ channels, height, width }: Dataset): number => channels * height * width;

/** With one rng, an image is the same in any batch, at any position, after any other images. */
export async function cuttingChangesNothing(dataset: Dataset, split: Split, seed: number): Promise<void> {
  const order = [...createRng(seed).permutation(split.length)];
  const whole = await imagesOf(split, imageLengthOf(dataset), [order], seed);
  const cuts = [order.slice(4), order.slice(0, 1).reverse(), order.slice(1, 4).reverse()];
  assert.deepEqual(await imagesOf(split, imageLengthOf(dataset), cuts, seed), whole);
}

/** Training uses other pixels with another rng; labels and evaluation images never change. */
export async function onlyTrainingIsRandom(dataset: Dataset, split: Split, seed: number): Promise<void> {
  const order = [[...Array(split.length).keys()]];
  const [one, other] = await Promise.all(
    [seed, seed + 1].map((s) => imagesOf(split, imageLengthOf(dataset), order, s)),
  );
  assert.notDeepEqual(one, other);
  const plain = await imagesOf(split, imageLengthOf(dataset), order, null);
  assert.deepEqual(await imagesOf(split, imageLengthOf(dataset), order, null), plain);
  for (const [index, { label }] of plain) {
    assert.equal(one!.get(index)!.label, label);
    assert.equal(other!.get(index)!.label, label);
  }
}
