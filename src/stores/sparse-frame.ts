/**
 * Gist's sparse rows in one block of the device; the values are small numbers or as they are:
 *
 *   | where each row begins, 4 bytes each, and the end | values | columns, a byte each |
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, type Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { rowLength, rowsOf } from "../kernels/sparse-rows.js";
import { type Format, formatBytes, readNumbers, writeNumbers } from "./small-float.js";

const sparseBytes = (rows: number, kept: number, format: Format): number =>
  4 * (rows + 1) + formatBytes(kept, format) + kept;

export class SparseFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #format: Format;
  readonly #rows: number;
  readonly #kept: number;

  /** Packs x, which is borrowed. Null if that takes `most` bytes or more. */
  static pack(x: Tensor, site: string, format: Format, most: number): SparseFrame | null {
    const { device, kernels } = x.engine;
    const rows = rowsOf(x.size);
    const starts = device.allocate(4 * (rows + 1), "workspace", site);
    try {
      const kept = kernels.rowStarts(device.u8(starts), x.data);
      if (sparseBytes(rows, kept, format) >= most) return null;
      return new SparseFrame(x, site, format, kept, device.u8(starts));
    } finally {
      device.free(starts);
    }
  }

  private constructor(x: Tensor, site: string, format: Format, kept: number, starts: Uint8Array) {
    const { device, kernels } = x.engine;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#format = format;
    this.#kept = kept;
    this.#rows = rowsOf(x.size);
    this.images = imagesAtOnce(x.shape);
    this.bytes = sparseBytes(this.#rows, kept, format);
    this.#block = device.allocate(this.bytes, "saved", site, "high");
    const views = this.#views();
    views.starts.set(starts);
    this.#lend(kept, (values) => {
      kernels.packRows(views.columns, values, x.data, views.starts);
      writeNumbers(kernels, views.numbers, values, format);
    });
  }

  /** Lends workspace for `count` values. */
  #lend(count: number, use: (values: Float32Array) => void): void {
    const { device } = this.#engine;
    const block = device.allocate(4 * count, "workspace", this.#block.site);
    try {
      use(device.f32(block));
    } finally {
      device.free(block);
    }
  }

  #views() {
    const bytes = this.#engine.device.u8(this.#block);
    const values = 4 * (this.#rows + 1);
    const columns = values + formatBytes(this.#kept, this.#format);
    return {
      starts: bytes.subarray(0, values),
      numbers: bytes.subarray(values, columns),
      columns: bytes.subarray(columns),
    };
  }

  range(first: number, count: number): Tensor {
    const { kernels } = this.#engine;
    const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#block.site);
    const from = first * (x.size / count);
    const row = Math.floor(from / rowLength);
    const { starts, columns, numbers } = this.#views();
    const own = starts.subarray(4 * row, 4 * (rowsOf(from + x.size) + 1));
    const view = new DataView(own.buffer, own.byteOffset, own.length);
    const [begin, end] = [view.getUint32(0, true), view.getUint32(own.length - 4, true)];
    this.#lend(end - begin, (values) => {
      readNumbers(kernels, values, numbers, this.#format, { first: begin, count: this.#kept });
      kernels.unpackRows(x.data, columns.subarray(begin, end), values, own, from - row * rowLength);
    });
    return x;
  }

  gate(dy: Tensor): Tensor {
    const { device, kernels } = this.#engine;
    const values = dy.data;
    const dx = dy.recycle(this.#block.site);
    const block = device.allocate(Math.ceil(values.length / 8), "workspace", this.#block.site);
    const { starts, columns } = this.#views();
    const mask = device.u8(block);
    kernels.maskRows(mask, columns, starts);
    kernels.applyMask(dx.data, values, mask, 1);
    device.free(block);
    return dx;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}
