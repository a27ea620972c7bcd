/**
 * Random images, for measuring memory and time without photographs. Compression ratios on them mean nothing.
 */
import { createRng } from "../rng.js";
import type { Dataset, Split } from "./dataset.js";

/**
 * `length` training images of `size` × `size` values, uniform in ±√3 (mean 0, variance 1). There are no test
 * images.
 */
export function randomImages(length: number, size: number, classes = 10): Dataset {
  const split = (images: number): Split => ({
    length: images,
    batch(indices, pixels, labels) {
      const image = pixels.length / indices.length;
      indices.forEach((index, i) => {
        const rng = createRng(index);
        labels[i] = index % classes;
        for (let j = i * image; j < (i + 1) * image; j++) pixels[j] = (2 * rng.uniform() - 1) * Math.sqrt(3);
      });
    },
  });
  return {
    name: "random input",
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    channels: 3,
    height: size,
    width: size,
    train: split(length),
    test: split(0),
    hash: "",
    skipped: [],
    close: async () => {},
  };
}
