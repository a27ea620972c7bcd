/**
 * Ten steps of a small ResNet, computed in any supported way, in Node or in a browser. The law: the weights
 * depend only on the store and the profile.
 */
import type { Dataset, Split } from "../../src/data/dataset.js";
import type { KernelBuild } from "../../src/device/kernel-module.js";
import { createEngine } from "../../src/engine/engine.js";
import type { Kernels } from "../../src/kernels/kernels.js";
import type { SimdKernels } from "../../src/kernels/simd.js";
import { createRng } from "../../src/rng.js";
import type { StoreName } from "../../src/stores/registry.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";

/** A way of computing. */
export interface Way<Name = "plain" | "comet"> {
  store: Name;
  /** "reference" uses no WebAssembly other than the codec's. */
  build: KernelBuild | "reference";
  threads: number;
}

export interface Trained {
  weights: string;
  /** The actual number of threads. */
  threads: number;
}

/** Random 3 × 8 × 9 images in which less than half of the values are above zero, with random classes. */
function noise(name: string, length: number): Split {
  const rng = createRng(1).fork(name);
  const pixels = Float32Array.from({ length: length * size }, () => Math.max(0, rng.uniform() - 0.6));
  const classes = Float32Array.from({ length }, () => rng.integer(0, 9));
  return {
    length,
    batch(indices, images, labels) {
      indices.forEach((index, n) => {
        images.set(pixels.subarray(index * size, (index + 1) * size), n * size);
        labels[n] = classes[index]!;
      });
    },
  };
}

const [channels, height, width] = [3, 8, 9];
const size = channels * height * width;

const dataset: Dataset = {
  name: "noise",
  classes: [..."0123456789"],
  channels,
  height,
  width,
  train: noise("train", 30),
  test: noise("test", 4),
  hash: "",
  skipped: [],
  close: async () => {},
};

/** Waits until all threads have started; before that, the calling thread does the others' work. */
async function allStarted(kernels: Kernels & Partial<SimdKernels>): Promise<void> {
  const { ready, threads } = kernels;
  for (let ms = 0; ready && ready() < threads; ms += 5) {
    if (ms > 20_000) throw new Error(`${ready()} of ${threads} threads have started`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Trains ten steps. COMET's bounds are renewed by collections in between, and work is split however small it
 * is. `change` may spoil the kernels.
 */
export async function trainTenSteps(
  { store, build, threads }: Way<StoreName>,
  change = (kernels: Kernels) => kernels,
  images = dataset,
): Promise<Trained> {
  const made = createEngine({
    memory: "32MiB",
    leastWork: 1,
    threads,
    ...(build === "reference" ? { kernels: "reference" } : { build }),
  });
  const engine = { ...made, kernels: change(made.kernels) };
  const settings = { ...defaults, model: "resnet8", store, batch: 3, epochs: 1, every: 3, warmup: 2 };
  const session = createSession(settings, images, { engine });
  await allStarted(made.kernels);
  const { weights } = await train(session);
  await engine.close();
  return { weights, threads: engine.kernels.threads };
}
