/** What every codec owes: laws as functions of an implementation. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { EncodeOptions } from "../../src/codec/index.js";
import { bound, shape, tensor } from "../arbitrary/float.js";
import { seed } from "../arbitrary/seed.js";

export interface Codec {
  encode(x: Float32Array, options: EncodeOptions): Uint8Array;
  decode(frame: Uint8Array): Float32Array;
}

export interface Case {
  x: Float32Array;
  options: EncodeOptions;
}

const quantizer = fc.constantFrom("support", "paper", "dithered" as const);

export const cases: fc.Arbitrary<Case> = fc
  .tuple(bound, shape, quantizer, fc.nat(), fc.nat(9))
  .chain(([eb, sizes, name, noise, coin]) => {
    const length = sizes.reduce((product, size) => product * size, 1);
    const mode = (["fast", "dense", "auto"] as const)[noise % 3]!;
    const options: EncodeOptions = { bound: eb, shape: sizes, quantizer: name, seed: noise, mode };
    if (name === "support" && coin < 3) options.negativeBound = eb * 3.7;
    // Rows shorter than 8 are predicted from the last of several: see the lag of docs/format.md.
    const row = sizes.filter((size) => size > 1).at(-1) ?? 1;
    return tensor(eb, length, row * Math.ceil(8 / Math.max(row, 1))).map((x) => ({ x, options }));
  });

export const bitsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);

/** |x − y| < bound in the reals (binary64 with `<` is exact enough: its rounding is monotone too), or the same bits. */
export function keeps(x: Float32Array, y: Float32Array, options: EncodeOptions): void {
  const bound = options.bound ?? 0;
  const negativeBound = options.negativeBound ?? bound;
  assert.equal(y.length, x.length);
  const [before, after] = [bitsOf(x), bitsOf(y)];
  for (let i = 0; i < x.length; i++) {
    const eb = x[i]! < 0 ? negativeBound : bound;
    if (before[i] === after[i] || Math.abs(x[i]! - y[i]!) < eb) continue;
    assert.fail(`value ${i}: ${x[i]} came back as ${y[i]}, bound ${eb}`);
  }
}

/** A law that is to fail need not look for the smallest case. */
const run = (numRuns: number, endOnFailure = false) => ({ seed, numRuns, endOnFailure });

export function boundHolds({ encode, decode }: Codec, runs = 300, endOnFailure = false): void {
  fc.assert(
    fc.property(cases, ({ x, options }) => keeps(x, decode(encode(x, options)), options)),
    run(runs, endOnFailure),
  );
}

/** Zero if and only if zero, and the same sign; NaN keeps its bits. */
export function supportIsExact({ encode, decode }: Codec, runs = 300, endOnFailure = false): void {
  fc.assert(
    fc.property(cases, ({ x, options }) => {
      const y = decode(encode(x, { ...options, quantizer: "support" }));
      for (let i = 0; i < x.length; i++) {
        const same = y[i]! > 0 === x[i]! > 0 && y[i]! < 0 === x[i]! < 0;
        if (!same) assert.fail(`value ${i}: ${x[i]} came back as ${y[i]}`);
      }
    }),
    run(runs, endOnFailure),
  );
}

/** Decoding and encoding again gives the same values: they are their own reconstructions. */
export function secondPassIsStill({ encode, decode }: Codec, runs = 150): void {
  fc.assert(
    fc.property(cases, ({ x, options }) => {
      fc.pre(options.quantizer !== "dithered");
      const y = decode(encode(x, options));
      keeps(y, decode(encode(y, options)), options);
    }),
    run(runs),
  );
}

/** The same frame, byte for byte, and the same tensor, bit for bit. */
export function equals(a: Codec, b: Codec, runs = 300): void {
  fc.assert(
    fc.property(cases, ({ x, options }) => {
      const frame = a.encode(x, options);
      assert.deepEqual(b.encode(x, options), frame);
      assert.deepEqual(bitsOf(b.decode(frame)), bitsOf(a.decode(frame)));
    }),
    run(runs),
  );
}
