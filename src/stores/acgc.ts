/**
 * AC-GC (Evans and Aamodt, NeurIPS 2021): fixed-point numbers for what convolutions and batch normalisations save, with as
 * many bits for each channel as a bound on the growth of the loss allows (acgc-statistics.ts).
 *
 *   AutoQuant    all values in b + 1 bits
 *   AutoQuantZ   what convolutions save in a mask of one bit, and only the values that are not 0
 *
 * Decoded values take the place of the original ones for every op, so the mask of a ReLU is where they are not 0. Unless a
 * value is the largest of a channel with signs, or its bits are at their limit, it is at most half a step off, which is
 * at most dx. What else is saved as values has no rule: a linear layer's input stays as it is, other ops are refused.
 */
import { Mask } from "../comet/mask.js";
import { type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { UsageError } from "../error.js";
import { flag, real, type SettingsOf, whole } from "../setting.js";
import { bitsFor, FixedPointFrame, scaleOf } from "./acgc-frame.js";
import { AcgcController } from "./acgc-statistics.js";
import { storeKind } from "./kind.js";
import { channelsOf } from "./level-frame.js";

const acgcSettings = {
  acgcEps: real("a whole number", Number.isInteger, "n", {
    default: 0,
    help: "AC-GC's tolerance: the energy of a gradient's noise is at most 2^-n of the gradient's own",
    example: { store: "acgc", acgcEps: 4 },
  }),
  acgcZeros: flag({
    default: false,
    help: "AutoQuantZ: AC-GC keeps zeros as a mask",
    example: { store: "acgc", acgcZeros: true },
  }),
  acgcEvery: whole(1, "n", {
    default: 100,
    help: "steps from one collection of AC-GC's statistics to the next",
    example: { store: "acgc", acgcEvery: 50 },
  }),
};

type AcgcSettings = SettingsOf<typeof acgcSettings>;

export class AcgcStore extends Store {
  readonly name = "acgc";
  override readonly controller: AcgcController;
  /** The bits that the method's repository counts for all frames so far, and the bytes that they took. */
  readonly counted = { bits: 0, bytes: 0 };
  readonly #zeros: boolean;

  constructor({ acgcEps, acgcZeros, acgcEvery }: AcgcSettings) {
    super();
    this.controller = new AcgcController(acgcEps, acgcEvery);
    this.#zeros = acgcZeros;
  }

  pack(x: Tensor, requests: readonly SaveRequest[]): Packed {
    const values = requests.filter(({ need }) => need === "value");
    if (requests.some(({ need }) => need === "exact") || values.some(({ site }) => site.op === "linear")) {
      return new Raw(x.ref);
    }
    if (values.length === 0) return new Mask(x, requests[0]!.site.name);
    this.#refuseOthers(values);
    const convolved = values.some(({ site }) => site.op === "conv2d");
    const { largest, signed } = extremes(x, values[0]!.site.name);
    const allowed = this.controller.allowed(x, values, largest);
    if (allowed === null || !largest.every(Number.isFinite)) return new Raw(x.ref);
    const bits = allowed.map((each, c) => bitsFor(each, scaleOf(largest[c]!)));
    const sparse = this.#zeros && convolved;
    const frame = new FixedPointFrame(x, values[0]!.site.name, { largest, bits, signed, sparse });
    this.counted.bits += frame.countedBits;
    this.counted.bytes += frame.bytes;
    return frame;
  }

  #refuseOthers(values: readonly SaveRequest[]): void {
    const other = values.find(({ site: { op } }) => op !== "conv2d" && op !== "batchNorm2d");
    if (!other) return;
    throw new UsageError({
      where: `store acgc at ${other.site.name}`,
      expected: "values that a convolution, a linear layer or batch normalisation saves",
      got: `those of ${other.site.op}, for which the method has no rule`,
      remedy: "choose a network without it, for example resnet20, or another store",
    });
  }
}

/** max|x| of each channel, and whether any value is below 0. */
function extremes(x: Tensor, site: string): { largest: number[]; signed: boolean } {
  const { device, kernels } = x.engine;
  const channels = channelsOf(x.shape);
  const block = device.allocate(8 * channels.C, "workspace", site);
  const both = device.f32(block);
  const [low, high] = [both.subarray(0, channels.C), both.subarray(channels.C)];
  kernels.channelExtremes(low, high, x.data, channels);
  const largest = Array.from(high, (most, c) => Math.max(most, -low[c]!));
  const signed = low.some((least) => least < 0);
  device.free(block);
  return { largest, signed };
}

export const acgc = storeKind({
  name: "acgc",
  help: "AC-GC: fixed point, bits by a bound on the loss",
  settings: acgcSettings,
  label: ({ acgcEps, acgcZeros }) => `AC-GC ${acgcZeros ? "AutoQuantZ" : "AutoQuant"}, e 2^${-acgcEps}`,
  slug: ({ acgcEps, acgcZeros }) => `acgc-${acgcZeros ? "z" : "q"}${acgcEps}`,
  knob: () => ({ setting: "acgcEps", values: Array.from({ length: 21 }, (_, i) => 16 - i) }),
  create: (_engine, settings) => new AcgcStore(settings),
});
