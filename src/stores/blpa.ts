/**
 * BLPA, backprop with low-precision activations (Chakrabarti and Moseley, NeurIPS 2019): of batch normalisation, ReLU and
 * the next convolution, one tensor is kept, the output z of the normalisation. Its K = 2^b bins lie over six standard
 * deviations, and one of their borders is 0, so the ReLU's mask follows from the codes:
 *
 *   t = max(1, K/2 − ⌊μ/σ·K/6⌋)    q = ⌊(z/σ − 10^−6)·K/6⌋ + t, clamped to [0, K − 1]    ẑ = (q + ½ − t)·6σ/K
 *
 * The method is made for networks that normalise before they convolve; there σ = |γ| and μ = β. Here both are the moments
 * of the kept tensor, which may also be the sum of a residual block: its parts are then made from it, and the method says
 * nothing of their errors. What no batch normalisation needs is kept as it is: the image, what follows a pool, the last
 * layer.
 */
import { Mask } from "../comet/mask.js";
import type { StoreController } from "../engine/controller.js";
import { type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { UsageError } from "../error.js";
import { real } from "../setting.js";
import { storeKind } from "./kind.js";
import { channelsOf, LevelFrame } from "./level-frame.js";

const blpaSettings = {
  blpaBits: real("4 or 8", (bits) => bits === 4 || bits === 8, "b", {
    default: 4,
    help: "BLPA's bits a value",
    example: { store: "blpa", blpaBits: 8 },
  }),
};

/** The least standard deviation; the repository keeps γ above it too. */
const leastSigma = 1e-8;

export class BlpaStore extends Store {
  readonly name = "blpa";
  override readonly keeps = "last";
  override readonly controller: StoreController = { end: () => this.#check() };
  readonly #bits: number;
  /** A site whose input is kept as it is, and whether any tensor was encoded. */
  #raw = "";
  #encoded = false;

  constructor(bits: number) {
    super();
    this.#bits = bits;
  }

  pack(x: Tensor, requests: readonly SaveRequest[]): Packed {
    const { site } = requests.find(({ need }) => need === "value") ?? requests[0]!;
    const read = requests.some(({ need, positive }) => need !== "support" || positive);
    if (!read) return new Mask(x, site.name);
    const norm = requests.some(({ site: { op }, need }) => op === "batchNorm2d" && need === "value");
    if (norm && x.shape.length === 4) {
      this.#encoded = true;
      return new LevelFrame(x, site.name, { ...this.#levels(x), rounding: "floor", middle: 0.5 });
    }
    if (site.op === "conv2d") this.#raw = site.name;
    return new Raw(x.ref);
  }

  #levels(x: Tensor) {
    const { device, kernels } = x.engine;
    const shape = channelsOf(x.shape);
    const moments = device.allocate(8 * shape.C, "workspace", this.name);
    const values = device.f32(moments);
    const [means, variances] = [values.subarray(0, shape.C), values.subarray(shape.C)];
    kernels.channelMoments(means, variances, x.data, shape);
    const K = 2 ** this.#bits;
    const levels = new Float32Array(2 * shape.C);
    const offsets = new Float32Array(shape.C);
    for (let c = 0; c < shape.C; c++) {
      const sigma = Math.max(leastSigma, Math.sqrt(variances[c]!));
      const t = Math.max(1, K / 2 - Math.floor(((means[c]! / sigma) * K) / 6));
      const step = Math.fround((6 * sigma) / K);
      levels[2 * c] = -t * step;
      levels[2 * c + 1] = step;
      offsets[c] = 1e-6 * sigma;
    }
    device.free(moments);
    return { levels, offsets, bits: new Uint8Array(shape.C).fill(this.#bits) };
  }

  /** After a step. */
  #check(): void {
    if (this.#encoded || this.#raw === "") return;
    throw new UsageError({
      where: `store blpa at ${this.#raw}`,
      expected: "a network whose batch normalisations can be computed from their outputs",
      got: "one without",
      remedy: "choose a network with batch normalisation, for example resnet20, or another store",
    });
  }
}

export const blpa = storeKind({
  name: "blpa",
  help: "BLPA: bins at the ReLU's threshold, for networks with batch normalisation",
  settings: blpaSettings,
  label: ({ blpaBits }) => `BLPA, ${blpaBits} bits`,
  slug: ({ blpaBits }) => `blpa-${blpaBits}`,
  knob: () => ({ setting: "blpaBits", values: [8, 4] }),
  create: (_engine, { blpaBits }) => new BlpaStore(blpaBits),
});
