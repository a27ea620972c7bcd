/**
 * A tensor in few bits a value, by groups, in one block of the device:
 *
 *   | codes of group 0 | codes of group 1 | … | ranges of all groups | bits of each row |
 *
 * Rows are the images of the tensor, or the whole tensor is one row. In the first case images may differ in their bits.
 */
import type { Block } from "../device/device.js";
import { imagesAtOnce, imagesOf, type Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import { type GroupShape, groupBytes } from "../kernels/kernels.js";
import { type RangeForm, rangeBytes } from "../kernels/reference/group-range.js";

export interface Grouping {
  readonly group: number;
  readonly range: RangeForm;
  /** The bits of each image; or one number, if the tensor is cut into groups as a whole. */
  readonly bits: Uint8Array | number;
  /** Null rounds to the nearest code. */
  readonly seed: number | null;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

export class GroupFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #shape: readonly number[];
  readonly #block: Block;
  readonly #rows: GroupShape;
  /** The bytes of the codes of each row, and of all rows. */
  readonly #codeBytes: readonly number[];
  readonly #allCodes: number;

  constructor(x: Tensor, site: string, { group, range, bits, seed }: Grouping) {
    const { device, kernels } = x.engine;
    const images = x.shape[0]!;
    const whole = typeof bits === "number";
    const each = whole ? Uint8Array.of(bits) : bits;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#rows = { rows: each.length, size: x.size / each.length, group, range };
    const perRow = Math.ceil(this.#rows.size / group);
    this.#codeBytes = Array.from(each, (b) => perRow * groupBytes(group, b));
    this.#allCodes = this.#codeBytes.reduce((sum, bytes) => sum + bytes, 0);
    this.bytes = this.#allCodes + rangeBytes(range) * perRow * each.length + each.length;
    // A part of the whole begins where a group begins.
    const step = whole ? group / gcd(x.size / images, group) : 1;
    this.images = Math.min(images, step * Math.max(1, Math.floor(imagesAtOnce(x.shape) / step)));
    this.#block = device.allocate(this.bytes, "saved", site, "high");
    const { packed, ranges, rowBits } = this.#views(0, each.length);
    rowBits.set(each);
    kernels.quantizeGroups(packed, ranges, x.data, rowBits, this.#rows, seed);
  }

  /** The parts of the block that rows [first, first + count) take. */
  #views(first: number, count: number) {
    const { rows, size, group, range } = this.#rows;
    const bytes = this.#engine.device.u8(this.#block);
    const sum = (from: number, to: number) => this.#codeBytes.slice(from, to).reduce((a, b) => a + b, 0);
    const ranged = rangeBytes(range) * Math.ceil(size / group);
    const ranges = bytes.subarray(this.#allCodes);
    const from = sum(0, first);
    return {
      packed: bytes.subarray(from, from + sum(first, first + count)),
      ranges: ranges.subarray(ranged * first, ranged * (first + count)),
      rowBits: ranges.subarray(ranged * rows).subarray(first, first + count),
    };
  }

  range(first: number, count: number): Tensor {
    const { kernels } = this.#engine;
    const images = this.#shape[0]!;
    const shape = [count, ...this.#shape.slice(1)];
    const all = count === images;
    if (this.#rows.rows === images && images > 1) {
      const x = Tensor.empty(this.#engine, shape, this.#block.site);
      const { packed, ranges, rowBits } = this.#views(first, count);
      kernels.dequantizeGroups(x.data, packed, ranges, rowBits, { ...this.#rows, rows: count });
      return x;
    }
    const { size, group, range } = this.#rows;
    const image = size / images;
    const [from, to] = [first * image, (first + count) * image];
    const aligned = from % group === 0 && (to % group === 0 || to === size);
    if (!aligned) {
      const whole = this.range(0, images);
      const part = imagesOf(whole, first, count);
      whole.dispose();
      return part;
    }
    const x = Tensor.empty(this.#engine, shape, this.#block.site);
    const { packed, ranges, rowBits } = this.#views(0, 1);
    const [begin, end] = all ? [0, Math.ceil(size / group)] : [from / group, Math.ceil(to / group)];
    const [codes, ends] = [groupBytes(group, rowBits[0]!), rangeBytes(range)];
    kernels.dequantizeGroups(
      x.data,
      packed.subarray(codes * begin, codes * end),
      ranges.subarray(ends * begin, ends * end),
      rowBits,
      { rows: 1, size: to - from, group, range },
    );
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#block);
  }
}
