/**
 * Float32 arrays as bit patterns, with many cases at which codecs fail: specials, ties, the bound ± one ulp,
 * binade edges, huge and tiny ratios, planes of zeros, smooth planes, planes that only the row above or 2-D
 * Lorenzo predicts well, constants.
 */
import fc from "fast-check";

const words = new DataView(new ArrayBuffer(4));

export function fromBits(bits: number): number {
  words.setUint32(0, bits);
  return words.getFloat32(0);
}

export function toBits(x: number): number {
  words.setFloat32(0, x);
  return words.getUint32(0);
}

/**
 * ±0, the least and the largest subnormal, the least normal, the largest finite, ±Inf, quiet and signalling
 * NaN.
 */
export const specials = [
  0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
  0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0x3f800000, 0xbf800000,
];

export const anyBits = fc.integer({ min: -0x80000000, max: 0x7fffffff }).map((word) => word >>> 0);

/** Bounds over the whole range, including powers of two. */
export const bound = fc.oneof(
  fc.integer({ min: -60, max: 60 }).map((e) => 2 ** e),
  fc.double({ min: 1e-6, max: 10, noNaN: true }),
  fc.constantFrom(1e-3, 0.1, 0.125, 1, 1e-30, 1e30, 3e38, 1e-37, 1e-40),
);

/** Values within a few ulps of k·bound with k a half integer: ties and edges of bins. */
const nearEdge = (eb: number) =>
  fc.tuple(fc.integer({ min: -9000, max: 9000 }), fc.integer({ min: -3, max: 3 })).map(([halves, ulps]) => {
    const bits = toBits((halves / 2) * eb);
    return (bits + ulps) >>> 0;
  });

/** The bits of one value to be encoded with bound eb. */
export const valueBits = (eb: number) =>
  fc.oneof(
    { weight: 5, arbitrary: nearEdge(eb) },
    { weight: 3, arbitrary: fc.double({ min: -100, max: 100, noNaN: true }).map((k) => toBits(k * eb)) },
    { weight: 1, arbitrary: anyBits },
    { weight: 1, arbitrary: fc.constantFrom(...specials) },
    { weight: 2, arbitrary: fc.constant(0) },
  );

/** Words of holes: what a mask has in place of values. */
const fills = [0x7fc00000, 0x7fc00000, 0xff800000, toBits(1e20), toBits(-9999), 0xffc12345, 0x7f800000];

/** Replaces values by up to `kinds` different words (or by any word for 0): scattered ones, columns, rows, or both. */
function pierce(bits: Uint32Array, width: number, pattern: number, kinds: number, next: () => number): void {
  const share = 2 + (next() % 30);
  const [from, count] = [next() % width, 1 + (next() % width)];
  for (let i = 0; i < bits.length; i++) {
    const [column, row] = [i % width, Math.floor(i / width)];
    const within = column >= from && column < from + count;
    const scattered = next() % share === 0;
    const hole = [scattered, within, row % share === 1, scattered !== within, true][pattern];
    if (hole) bits[i] = kinds === 0 ? next() : fills[next() % kinds]!;
  }
}

/**
 * A tensor of given length in rows of `width`, with one of several textures made of the drawn values, and sometimes with a
 * mask.
 */
export function tensor(eb: number, length: number, width = 13): fc.Arbitrary<Float32Array> {
  const few = fc.array(valueBits(eb), { minLength: 1, maxLength: 40 });
  const masks = fc.tuple(fc.nat(9), fc.constantFrom(0, 1, 1, 2, fills.length));
  return fc.tuple(few, fc.nat(7), fc.nat(1 << 30), masks).map(([pool, texture, salt, [pattern, kinds]]) => {
    const bits = new Uint32Array(length);
    const x = new Float32Array(bits.buffer);
    let state = salt | 1;
    const next = () => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
      return (state ^ (state >>> 13)) >>> 0;
    };
    /** A number in ±2000 that depends on a column or, for negative k, on a row. */
    const rough = (k: number) => (Math.imul(k ^ salt, 0x2c1b3c6d) >> 20) & ~1;
    for (let i = 0; i < length; i++) {
      const drawn = pool[next() % pool.length]!;
      if (texture === 0) bits[i] = drawn;
      else if (texture === 1) bits[i] = next() % 4 ? 0 : drawn;
      else if (texture === 2) bits[i] = pool[0]!;
      else if (texture === 3) x[i] = Math.sin(i / 9 + salt) * 50 * eb;
      else if (texture === 4) x[i] = Math.max(0, Math.cos(i / 7 + salt) * 3000 * eb);
      else if (texture === 5) x[i] = (rough(i % width) + rough(-1 - Math.floor(i / width))) * eb;
      else if (texture === 6) x[i] = (rough(i % width) + (next() % 8)) * eb;
      else if (next() % 97 === 0) bits[i] = drawn;
      else x[i] = ((next() % 65536) - 32768) * eb;
    }
    if (pattern < 5) pierce(bits, Math.max(1, width), pattern, kinds, next);
    return x;
  });
}

/** Shapes, including odd sizes and units; rarely one with more than a chunk or with several segments. */
export const shape = fc.oneof(
  { weight: 150, arbitrary: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 3 }) },
  {
    weight: 12,
    arbitrary: fc.constantFrom([], [0], [1], [3, 0, 2], [1, 1, 1, 1], [17], [64], [65], [5, 1, 1]),
  },
  { weight: 25, arbitrary: fc.constantFrom([2, 3, 7, 7], [9, 17, 13], [41, 7, 7], [3000]) },
  { weight: 1, arbitrary: fc.constantFrom([4, 4097], [2, 90, 130]) },
);
