/** The laws of JPEG-ACT's kernels: an implementation returns the reference's bits. */
import fc from "fast-check";
import { blocksOf, type JpegKernels, symbols } from "../../src/kernels/jpeg.js";
import type { Kernels } from "../../src/kernels/kernels.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import type { Data } from "../arbitrary/data.js";
import { type Call, cases, f32, u8 } from "./call.js";

const extent = (most: number) => fc.integer({ min: 0, max: most });

const channelShape = fc.record({ N: extent(3), C: fc.integer({ min: 1, max: 4 }), size: extent(70) });
const pictureShape = fc.record({
  N: extent(3),
  C: fc.integer({ min: 1, max: 3 }),
  H: fc.integer({ min: 1, max: 19 }),
  W: fc.integer({ min: 1, max: 19 }),
});

/** Bytes of which most, half or none are zero. */
export function coefficients(n: number, d: Data): Uint8Array {
  const odds = [1, 2, 16][d.below(3)]!;
  return d.bytes(n).map((byte) => (d.below(odds) === 0 ? byte : 0));
}

const table = (d: Data) => Array.from({ length: 64 }, () => 1 + d.below(255));

/** For each symbol a code of 1 … 12 bits, times 16, plus its length. */
const codes = (d: Data) =>
  Float32Array.from({ length: symbols }, () => {
    const length = 1 + d.below(12);
    return 16 * d.below(2 ** length) + length;
  });

export const jpegLaws: Record<keyof JpegKernels, fc.Arbitrary<Call>> = {
  channelExtremes: cases(channelShape, (s, d) => ({
    buffers: [d.floats(s.C), d.floats(s.C), d.floats(s.N * s.C * s.size)],
    run: (k, [least, greatest, x]) => k.channelExtremes(f32(least), f32(greatest), f32(x), s),
  })),
  quantizeChannels: cases(channelShape, (s, d) => ({
    buffers: [d.bytes(s.N * s.C * s.size), d.floats(s.N * s.C * s.size), d.floats(s.C)],
    run: (k, [q, x, scales]) => k.quantizeChannels(u8(q), f32(x), f32(scales), s),
  })),
  dequantizeChannels: cases(channelShape, (s, d) => ({
    buffers: [d.floats(s.N * s.C * s.size), d.bytes(s.N * s.C * s.size), d.floats(s.C)],
    run: (k, [x, q, scales]) => k.dequantizeChannels(f32(x), u8(q), f32(scales), s),
  })),
  dctForward: cases(pictureShape, (s, d) => {
    const divisors = table(d);
    return {
      buffers: [d.bytes(blocksOf(s).values), d.floats(s.N * s.C * s.H * s.W), d.floats(s.C)],
      run: (k, [out, x, scales]) => k.dctForward(u8(out), f32(x), f32(scales), divisors, s),
    };
  }),
  dctInverse: cases(fc.tuple(pictureShape, fc.boolean()), ([s, rectify], d) => {
    const factors = table(d);
    return {
      buffers: [d.floats(s.N * s.C * s.H * s.W), coefficients(blocksOf(s).values, d), d.floats(s.C)],
      run: (k, [x, from, scales]) => k.dctInverse(f32(x), u8(from), f32(scales), factors, s, rectify),
    };
  }),
  zvcBytes: cases(extent(300), (n, d) => ({
    buffers: [coefficients(n, d)],
    run: (k: Kernels, [q]) => k.zvcBytes(u8(q)),
  })),
  zvcPack: cases(extent(300), (n, d) => {
    const q = coefficients(n, d);
    return {
      buffers: [d.bytes(referenceKernels.zvcBytes(q)), q],
      run: (k, [packed, from]) => k.zvcPack(u8(packed), u8(from)),
    };
  }),
  zvcUnpack: cases(fc.tuple(extent(300), extent(300)), ([n, bytes], d) => ({
    buffers: [d.bytes(n), coefficients(bytes, d)],
    run: (k, [q, packed]) => k.zvcUnpack(u8(q), u8(packed)),
  })),
  runLengthCounts: cases(extent(5), (blocks, d) => ({
    buffers: [d.floats(symbols), coefficients(64 * blocks, d)],
    run: (k, [counts, from]) => k.runLengthCounts(f32(counts), u8(from)),
  })),
  runLengthPack: cases(fc.tuple(extent(5), extent(500)), ([blocks, bytes], d) => ({
    buffers: [d.bytes(bytes), coefficients(64 * blocks, d), codes(d)],
    run: (k, [packed, from, code]) => k.runLengthPack(u8(packed), u8(from), f32(code)),
  })),
  runLengthUnpack: cases(fc.tuple(extent(5), extent(300)), ([blocks, bytes], d) => ({
    buffers: [
      d.bytes(64 * blocks),
      d.bytes(bytes),
      Float32Array.from({ length: 4096 }, () => 16 * d.below(symbols) + d.below(13)),
    ],
    run: (k, [to, packed, lookup]) => k.runLengthUnpack(u8(to), u8(packed), f32(lookup)),
  })),
};
