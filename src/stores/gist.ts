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
import { type Machine, Tensor } from "../engine/tensor.js";
import { type SettingsOf, word } from "../setting.js";
import { storeKind } from "./kind.js";
import { LossyStore, type Subject } from "./lossy.js";
import { type Format, formatBytes, Numbers } from "./small-float.js";

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
    if (rectified) {
      const kept = x.engine.kernels.countNonZero(x.data);
      // Beside dense values there would be a mask.
      const sparse = sparseBytes(size, kept, this.#format);
      if (sparse < dense + Math.ceil(size / 8)) return new SparseFrame(x, name, this.#format, kept);
    }
    return this.#format === "fp32" ? null : new DenseFrame(x, name, this.#format);
  }
}

const rowLength = 256;

/** Where each row begins, the values, and a column for each value. */
const sparseBytes = (size: number, kept: number, format: Format): number =>
  4 * (Math.ceil(size / rowLength) + 1) + formatBytes(kept, format) + kept;

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
    this.#numbers().write(x.data);
  }

  #numbers(): Numbers {
    const { address, bytes } = this.#block;
    return new Numbers(new Uint32Array(this.#engine.device.buffer, address, bytes / 4), this.#format);
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    this.#numbers().read(x.data, first * (x.size / count));
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}

class SparseFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #format: Format;
  readonly #rows: number;
  readonly #kept: number;

  constructor(x: Tensor, site: string, format: Format, kept: number) {
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#format = format;
    this.#kept = kept;
    this.#rows = Math.ceil(x.size / rowLength);
    this.images = imagesAtOnce(x.shape);
    this.bytes = sparseBytes(x.size, kept, format);
    this.#block = x.engine.device.allocate(this.bytes, "saved", site, "high");
    const { starts, columns, numbers } = this.#views();
    const data = x.data;
    const values = new Float32Array(kept);
    let at = 0;
    for (let i = 0; i < data.length; i++) {
      if (i % rowLength === 0) starts[i / rowLength] = at;
      if (data[i] === 0) continue;
      columns[at] = i % rowLength;
      values[at++] = data[i]!;
    }
    starts[this.#rows] = at;
    numbers.write(values);
  }

  #views() {
    const { buffer } = this.#engine.device;
    const { address } = this.#block;
    const values = address + 4 * (this.#rows + 1);
    const bytes = formatBytes(this.#kept, this.#format);
    return {
      starts: new Uint32Array(buffer, address, this.#rows + 1),
      numbers: new Numbers(new Uint32Array(buffer, values, bytes / 4), this.#format),
      columns: new Uint8Array(buffer, values + bytes, this.#kept),
    };
  }

  range(first: number, count: number): Tensor {
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const data = x.data.fill(0);
    const from = first * (data.length / count);
    const { starts, columns, numbers } = this.#views();
    const firstRow = Math.floor(from / rowLength);
    const end = Math.ceil((from + data.length) / rowLength);
    const base = starts[firstRow]!;
    const values = new Float32Array(starts[end]! - base);
    numbers.read(values, base);
    this.#visit(starts, columns, firstRow, end, (i, at) => {
      if (i >= from && i < from + data.length) data[i - from] = values[at - base]!;
    });
    return x;
  }

  gate(dy: Tensor): Tensor {
    const values = dy.data;
    const dx = dy.recycle(this.#block.site);
    const data = dx.data;
    const { starts, columns } = this.#views();
    // Passed through a copy, because dx may lie on dy.
    const passed = new Float32Array(this.#kept);
    this.#visit(starts, columns, 0, this.#rows, (i, at) => {
      passed[at] = values[i]!;
    });
    data.fill(0);
    this.#visit(starts, columns, 0, this.#rows, (i, at) => {
      data[i] = passed[at]!;
    });
    return dx;
  }

  /** Calls `see` with the index of each value that is kept, and with its place. */
  #visit(
    starts: Uint32Array,
    columns: Uint8Array,
    firstRow: number,
    end: number,
    see: (index: number, at: number) => void,
  ): void {
    for (let row = firstRow; row < end; row++) {
      for (let at = starts[row]!; at < starts[row + 1]!; at++) see(row * rowLength + columns[at]!, at);
    }
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
