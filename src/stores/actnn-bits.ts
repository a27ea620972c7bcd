/**
 * ActNN's level 3: how many bits each layer and each image gets. The variance that rounding adds to a layer's weight
 * gradient is about Σ_n C_n/(2^b_n − 1)², with the sensitivity of image n
 *
 *   C_n = K/4/groups · 256/pixels · ‖range_n‖² · G        convolution: K window positions, G the mean of ‖δ_n‖²
 *   C_n = ‖range_n‖²                                      batch normalisation
 *
 * where ‖range_n‖² adds up the squares of the ranges of the image's groups. After each step, all images of all layers
 * share the average number of bits; a layer gets the mean of what its images got, and a batch normalisation the bits of
 * the convolution before it. In the next step, the images of a layer share the layer's bits. G is that of the last step,
 * so the first step has equal bits.
 */
import type { Application, BackwardObserver } from "../engine/application.js";
import type { StoreController } from "../engine/controller.js";
import type { Need, SaveRequest } from "../engine/packed.js";
import type { Site } from "../engine/parameter.js";
import type { Tensor } from "../engine/tensor.js";
import type { Conv2dShape } from "../kernels/kernels.js";
import { allocateBits } from "./bit-allocation.js";

/** What is known of a layer's saved tensor. */
interface Layer {
  /** ‖range_n‖² of each image in the last step. */
  spans: number[];
  /** What multiplies the ranges in C_n; 0 as long as no gradient was seen. */
  factor: number;
  /** The average bits of its images. */
  bits: number;
  /** The values of an image. */
  size: number;
}

export class ActnnController implements StoreController {
  /** The average number of bits of a value. */
  readonly average: number;
  readonly observer: BackwardObserver = {
    visit: (application, dy) => this.#visit(application, dy),
    end() {},
  };
  /** By the names of a tensor's sites. */
  readonly #layers = new Map<string, Layer>();
  /** The factor of each convolution's own site. */
  readonly #factors = new Map<string, number>();
  /** The convolution that was applied before each batch normalisation. */
  readonly #before = new Map<string, string>();
  #lastConvolution = "";

  constructor(average: number) {
    this.average = average;
  }

  requested({ name, op }: Site, need: Need): void {
    if (need !== "value") return;
    if (op === "batchNorm2d") this.#before.set(name, this.#lastConvolution);
    else this.#lastConvolution = name;
  }

  /** The bits of each image of a tensor that is packed now. */
  bitsOf(x: Tensor, requests: readonly SaveRequest[], name: string): Uint8Array {
    const images = x.shape[0]!;
    const size = x.size / images;
    const { device, kernels } = x.engine;
    const block = device.allocate(4 * images, "workspace", name);
    const energy = device.f32(block);
    kernels.groupSpans(energy, x.data, { rows: images, size, group: 256, range: "exact" });
    const spans = Array.from(energy);
    device.free(block);
    const known = this.#layers.get(name);
    const factor = requests.reduce((sum, { site }) => sum + (this.#factors.get(site.name) ?? 0), 0);
    const bits = this.#followed(requests) ?? known?.bits ?? this.average;
    this.#layers.set(name, { spans, factor, bits, size });
    return allocateBits(spans, Array(images).fill(1), images * bits);
  }

  /** The bits of the convolution before, for what batch normalisation alone saves. */
  #followed(requests: readonly SaveRequest[]): number | null {
    if (!requests.every(({ site }) => site.op === "batchNorm2d")) return null;
    const before = this.#before.get(requests[0]!.site.name);
    for (const [name, { bits }] of this.#layers) if (name.split("+").includes(before!)) return bits;
    return null;
  }

  #visit({ op, attributes, handles }: Application, dy: Tensor): null {
    if (op.name !== "conv2d" && op.name !== "linear") return null;
    const images = dy.shape[0]!;
    const gradient = dy.engine.kernels.sumSquares(dy.data) / images;
    const shape: Partial<Conv2dShape> = (attributes as { shape?: Conv2dShape }).shape ?? {};
    const { R = 1, S = 1, groups = 1, H = 1, W = 1 } = shape;
    this.#factors.set(handles.get("x")!.site.name, ((R * S) / 4 / groups) * (256 / (H * W)) * gradient);
    return null;
  }

  assess(): void {
    const layers = [...this.#layers.values()].filter(({ factor }) => factor > 0);
    const items = layers.flatMap((layer) => {
      const factor = layer.factor;
      return layer.spans.map((span) => ({ layer, sensitivity: factor * span }));
    });
    const weights = items.map(({ layer }) => layer.size);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const bits = allocateBits(
      items.map(({ sensitivity }) => sensitivity),
      weights,
      total * this.average,
    );
    for (const layer of layers) layer.bits = 0;
    items.forEach(({ layer }, i) => {
      layer.bits += bits[i]! / layer.spans.length;
    });
  }

  state(): unknown {
    return {
      layers: [...this.#layers].map(([name, layer]) => ({ name, ...layer })),
      factors: [...this.#factors],
    };
  }

  restore(state: unknown): void {
    const { layers, factors } = state as {
      layers: ({ name: string } & Layer)[];
      factors: [string, number][];
    };
    this.#layers.clear();
    for (const { name, ...layer } of layers) this.#layers.set(name, { ...layer });
    this.#factors.clear();
    for (const [name, factor] of factors) this.#factors.set(name, factor);
  }
}
