/**
 * Gist (Jain et al., ISCA 2018), as recalled from the paper:
 *
 *   binarise    of a ReLU's output that no convolution saves: one bit a value, exact. Pool indices are bits in any store
 *   sparse      of a ReLU's output that a convolution saves too: rows of 256 values, of each only those that are not 0,
 *               with a column of one byte, and where each row begins; taken where it is smaller
 *   DPR         delayed precision reduction: values as fp16, fp10 or fp8 from their last use in the forward pass on
 *
 * The support of sparse tensors is exact, since the columns tell it; beside other tensors stands a mask. With fp32 nothing
 * is lost.
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, type Packed } from "../engine/packed.js";
import { type Machine, sizeOf, Tensor } from "../engine/tensor.js";
import { type SettingsOf, word } from "../setting.js";
import { storeKind } from "./kind.js";
import { LossyStore, type Subject } from "./lossy.js";
import { type Format, formatBytes, readNumbers, writeNumbers } from "./small-float.js";
import { SparseFrame } from "./sparse-frame.js";

const gistSettings = {
  gistFormat: word(["fp32", "fp16", "fp10", "fp8"], {
    default: "fp16",
    help: "how Gist keeps values; fp32 loses nothing",
    example: { store: "gist", gistFormat: "fp8" },
  }),
};

type GistSettings = SettingsOf<typeof gistSettings>;

export class GistStore extends LossyStore {
  readonly name = "gist";
  readonly #format: Format;

  constructor({ gistFormat }: GistSettings) {
    super();
    this.#format = gistFormat as Format;
  }

  encode({ x, name, rectified }: Subject): Packed | null {
    const { size } = x;
    const dense = formatBytes(size, this.#format);
    // Beside dense values there would be a mask.
    const most = dense + Math.ceil(size / 8);
    const sparse = rectified ? SparseFrame.pack(x, name, this.#format, most) : null;
    if (sparse) return sparse;
    return this.#format === "fp32" ? null : new DenseFrame(x, name, this.#format);
  }
}

class DenseFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #format: Format;

  constructor(x: Tensor, site: string, format: Format) {
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#format = format;
    this.images = imagesAtOnce(x.shape);
    this.bytes = formatBytes(x.size, format);
    this.#block = x.engine.device.allocate(this.bytes, "saved", site, "high");
    writeNumbers(x.engine.kernels, x.engine.device.u8(this.#block), x.data, format);
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const { device, kernels } = this.#engine;
    const range = { first: first * (x.size / count), count: sizeOf(this.#shape) };
    readNumbers(kernels, x.data, device.u8(this.#block), this.#format, range);
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}

export const gist = storeKind({
  name: "gist",
  help: "Gist: masks, sparse rows and small floating-point numbers",
  settings: gistSettings,
  label: ({ gistFormat }) => `Gist, ${gistFormat}`,
  slug: ({ gistFormat }) => `gist-${gistFormat}`,
  knob: () => ({ setting: "gistFormat", values: ["fp32", "fp16", "fp10", "fp8"] }),
  create: (_engine, settings) => new GistStore(settings),
});
