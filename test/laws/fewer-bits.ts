/** The laws of the kernels of AC-GC, Gist and DIVISION: an implementation returns the reference's bits. */
import fc from "fast-check";
import type { BlockMeanKernels } from "../../src/kernels/block-means.js";
import type { ChannelShape } from "../../src/kernels/channel.js";
import { codeBits, type FixedForm, type FixedPointKernels } from "../../src/kernels/fixed-point.js";
import type { PoolShape } from "../../src/kernels/pool.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import {
  type SmallFloatKernels,
  type SmallFloatName,
  smallFloatBytes,
  smallFloats,
} from "../../src/kernels/small-float.js";
import { rowLength, rowsOf, type SparseRowKernels } from "../../src/kernels/sparse-rows.js";
import type { Data } from "../arbitrary/data.js";
import { type Call, cases, f32, u8 } from "./call.js";

const extent = (most: number) => fc.integer({ min: 0, max: most });
const names = Object.keys(smallFloats) as SmallFloatName[];

const fixed = fc.record({
  N: extent(3),
  C: fc.integer({ min: 1, max: 4 }),
  size: extent(40),
  signed: fc.boolean(),
  sparse: fc.boolean(),
});

/** The arguments of a packing: values of which some are 0, scales, bits, and where each image begins. */
function fixedBuffers(s: ChannelShape & FixedForm, d: Data) {
  const { N, C, size } = s;
  const x = d.floats(N * C * size).map((value) => (d.below(3) === 0 ? 0 : value));
  const scales = Float32Array.from({ length: C }, () => 2 ** (d.below(9) - 6));
  const bits = Uint8Array.from({ length: C }, () => 2 + d.below(15));
  const counts = new Uint8Array(4 * N * C);
  referenceKernels.fixedCounts(counts, x, scales, bits, s, s.signed);
  const kept = new Uint32Array(counts.buffer);
  const starts = new Uint32Array(N + 1);
  for (let n = 0; n < N; n++) {
    let length = s.sparse ? C * size : 0;
    for (let c = 0; c < C; c++) length += (s.sparse ? kept[n * C + c]! : size) * codeBits(bits[c]!, s);
    starts[n + 1] = starts[n]! + Math.ceil(length / 8);
  }
  return { x, scales, bits, starts: new Uint8Array(starts.buffer), bytes: starts[N]! };
}

/** Values of which most, half or few are 0. */
function sparse(n: number, d: Data): Float32Array {
  const odds = [1, 2, 16][d.below(3)]!;
  return d.floats(n).map((value) => (d.below(odds) === 0 ? value : 0));
}

/** The sparse rows of x. */
function rowsFor(x: Float32Array) {
  const starts = new Uint8Array(4 * (rowsOf(x.length) + 1));
  const kept = referenceKernels.rowStarts(starts, x);
  const [columns, values] = [new Uint8Array(kept), new Float32Array(kept)];
  referenceKernels.packRows(columns, values, x, starts);
  return { starts, columns, values };
}

const poolShape = fc
  .record({ planes: extent(4), H: fc.integer({ min: 1, max: 19 }), W: fc.integer({ min: 1, max: 19 }) })
  .chain((s) =>
    fc
      .record({ P: fc.integer({ min: 1, max: s.H }), Q: fc.integer({ min: 1, max: s.W }) })
      .map(({ P, Q }): PoolShape => ({ ...s, P, Q, R: 1, S: 1, stride: 1, padding: 0 })),
  );

const spread = (run: (k: BlockMeanKernels) => BlockMeanKernels["addMeans"]) =>
  cases(fc.tuple(poolShape, fc.boolean()), ([s, inPlace], d) => {
    const n = s.planes * s.H * s.W;
    return {
      buffers: [d.floats(n), d.floats(n), d.bytes(2 * s.planes * s.P * s.Q)],
      run: (k, [y, x, means]) => run(k)(f32(inPlace ? x : y), f32(x), u8(means), s),
    };
  });

type Fewer = BlockMeanKernels & FixedPointKernels & SmallFloatKernels & SparseRowKernels;

export const fewerBitsLaws: Record<keyof Fewer, fc.Arbitrary<Call>> = {
  subtractMeans: spread((k) => k.subtractMeans),
  addMeans: spread((k) => k.addMeans),

  fixedCounts: cases(fixed, (s, d) => {
    const { x, scales, bits } = fixedBuffers(s, d);
    return {
      buffers: [d.bytes(4 * s.N * s.C), x, scales, bits],
      run: (k, [counts, v, a, b]) => k.fixedCounts(u8(counts), f32(v), f32(a), u8(b), s, s.signed),
    };
  }),
  packFixed: cases(fixed, (s, d) => {
    const { x, scales, bits, starts, bytes } = fixedBuffers(s, d);
    return {
      buffers: [d.bytes(bytes), x, scales, bits, starts],
      run: (k, [packed, v, a, b, at]) => k.packFixed(u8(packed), f32(v), f32(a), u8(b), u8(at), s, s),
    };
  }),
  unpackFixed: cases(fixed, (s, d) => {
    const { x, scales, bits, starts, bytes } = fixedBuffers(s, d);
    const packed = new Uint8Array(bytes);
    referenceKernels.packFixed(packed, x, scales, bits, starts, s, s);
    return {
      buffers: [d.floats(x.length), packed, scales, bits, starts],
      run: (k, [v, from, a, b, at]) => k.unpackFixed(f32(v), u8(from), f32(a), u8(b), u8(at), s, s),
    };
  }),

  narrowFloats: cases(fc.tuple(extent(70), fc.constantFrom(...names)), ([n, name], d) => ({
    buffers: [d.bytes(smallFloatBytes(n, name)), d.floats(n)],
    run: (k, [packed, x]) => k.narrowFloats(u8(packed), f32(x), name),
  })),
  widenFloats: cases(fc.tuple(extent(70), extent(20), fc.constantFrom(...names)), ([n, first, name], d) => ({
    buffers: [d.floats(n), d.bytes(smallFloatBytes(first + n, name))],
    run: (k, [x, packed]) => k.widenFloats(f32(x), u8(packed), name, { first, count: first + n }),
  })),

  rowStarts: cases(extent(600), (n, d) => ({
    buffers: [d.bytes(4 * (rowsOf(n) + 1)), sparse(n, d)],
    run: (k, [starts, x]) => k.rowStarts(u8(starts), f32(x)),
  })),
  packRows: cases(extent(600), (n, d) => {
    const x = sparse(n, d);
    const { starts, columns, values } = rowsFor(x);
    return {
      buffers: [d.bytes(columns.length), d.floats(values.length), x, starts],
      run: (k, [to, numbers, from, at]) => k.packRows(u8(to), f32(numbers), f32(from), u8(at)),
    };
  }),
  unpackRows: cases(fc.tuple(extent(900), extent(600), extent(600)), ([n, from, length], d) => {
    const x = sparse(n, d);
    const [first, last] = [Math.min(from, n), Math.min(from + length, n)];
    const row = Math.floor(first / rowLength);
    const skip = first - row * rowLength;
    const { starts, columns, values } = rowsFor(x);
    const own = starts.slice(4 * row, 4 * (row + rowsOf(last - first + skip) + 1));
    const [begin, end] = [0, own.length / 4 - 1].map((i) => new Uint32Array(own.buffer)[i]!);
    return {
      buffers: [d.floats(last - first), columns.slice(begin, end), values.slice(begin, end), own],
      run: (k, [to, c, v, at]) => k.unpackRows(f32(to), u8(c), f32(v), u8(at), skip),
    };
  }),
  maskRows: cases(extent(600), (n, d) => {
    const { starts, columns } = rowsFor(sparse(n, d));
    return {
      buffers: [d.bytes(Math.ceil(n / 8)), columns, starts],
      run: (k, [mask, c, at]) => k.maskRows(u8(mask), u8(c), u8(at)),
    };
  }),
};
