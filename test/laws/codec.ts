/** The laws that every codec must satisfy, as functions of an implementation. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { keepsSigns, quantizers } from "../../src/codec/bound.js";
import type { EncodeOptions } from "../../src/codec/index.js";
import { bound, shape, tensor } from "../arbitrary/float.js";
import type { Cases } from "../arbitrary/seed.js";

export interface Codec {
  encode(x: Float32Array, options: EncodeOptions): Uint8Array;
  decode(frame: Uint8Array, options?: { rectified?: boolean }): Float32Array;
}

export interface Case {
  x: Float32Array;
  options: EncodeOptions;
}

const quantizer = fc.constantFrom(...quantizers);

export const cases: fc.Arbitrary<Case> = fc
  .tuple(bound, shape, quantizer, fc.nat(), fc.nat(9))
  .chain(([eb, sizes, name, noise, coin]) => {
    const length = sizes.reduce((product, size) => product * size, 1);
    const mode = (["fast", "dense", "auto"] as const)[noise % 3]!;
    const options: EncodeOptions = { bound: eb, shape: sizes, quantizer: name, seed: noise, mode };
    if (keepsSigns(name) && coin < 3) options.negativeBound = eb * 3.7;
    // Rows shorter than 8 are predicted from a row several rows back: see the lag in docs/format.md.
    const row = sizes.filter((size) => size > 1).at(-1) ?? 1;
    return tensor(eb, length, row * Math.ceil(8 / Math.max(row, 1))).map((x) => ({ x, options }));
  });

export const bitsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);

/**
 * |x − y| < bound in the reals, or the same bits. Binary64 with `<` is exact enough, because its rounding is
 * monotone too.
 */
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

export function boundHolds({ encode, decode }: Codec, options: Cases): void {
  fc.assert(
    fc.property(cases, ({ x, options: how }) => keeps(x, decode(encode(x, how)), how)),
    options,
  );
}

/** A value decodes to zero if and only if it is zero, and keeps its sign; NaN keeps its bits. */
export function supportIsExact({ encode, decode }: Codec, options: Cases): void {
  fc.assert(
    fc.property(cases, ({ x, options: how }) => {
      const y = decode(encode(x, { ...how, quantizer: "support" }));
      for (let i = 0; i < x.length; i++) {
        const same = y[i]! > 0 === x[i]! > 0 && y[i]! < 0 === x[i]! < 0;
        if (!same) assert.fail(`value ${i}: ${x[i]} came back as ${y[i]}`);
      }
    }),
    options,
  );
}

/** Rectified decoding is non-zero exactly where x is positive, and equals the full decoding there. */
export function rectifiedIsExact({ encode, decode }: Codec, options: Cases): void {
  fc.assert(
    fc.property(cases, fc.constantFrom("support", "signed" as const), ({ x, options: how }, quantizer) => {
      const frame = encode(x, { ...how, quantizer });
      const [whole, y] = [decode(frame), decode(frame, { rectified: true })];
      for (let i = 0; i < x.length; i++) {
        const wanted = x[i]! < 0 ? 0 : whole[i]!;
        const same = Object.is(y[i], wanted) && (y[i] !== 0) === (x[i]! > 0 || Number.isNaN(x[i]));
        if (!same) assert.fail(`value ${i}: ${x[i]}, decoded ${whole[i]}, came back as ${y[i]}`);
      }
    }),
    options,
  );
}

/** A codec that decodes values and their rectified copy at once. */
export interface Twins extends Codec {
  twins(frame: Uint8Array): { plain: Float32Array; positive: Float32Array };
}

/** Decoding both at once gives the same as decoding each one alone. */
export function twinsAreBoth({ encode, decode, twins }: Twins, options: Cases): void {
  fc.assert(
    fc.property(cases, fc.constantFrom("support", "signed" as const), ({ x, options: how }, quantizer) => {
      const frame = encode(x, { ...how, quantizer });
      const { plain, positive } = twins(frame);
      assert.deepEqual(bitsOf(plain), bitsOf(decode(frame)));
      assert.deepEqual(bitsOf(positive), bitsOf(decode(frame, { rectified: true })));
    }),
    options,
  );
}

/** Encoding and decoding the decoded values again changes nothing: they are their own reconstructions. */
export function secondPassIsStill({ encode, decode }: Codec, options: Cases): void {
  fc.assert(
    fc.property(cases, ({ x, options: how }) => {
      fc.pre(how.quantizer === "support" || how.quantizer === "paper");
      const y = decode(encode(x, how));
      keeps(y, decode(encode(y, how)), how);
    }),
    options,
  );
}

/** Both codecs give the same frame, byte for byte, and the same tensor, bit for bit. */
export function equals(a: Codec, b: Codec, options: Cases): void {
  fc.assert(
    fc.property(cases, ({ x, options: how }) => {
      const frame = a.encode(x, how);
      assert.deepEqual(b.encode(x, how), frame);
      assert.deepEqual(bitsOf(b.decode(frame)), bitsOf(a.decode(frame)));
      if (!keepsSigns(how.quantizer!)) return;
      const rectified = { rectified: true };
      assert.deepEqual(bitsOf(b.decode(frame, rectified)), bitsOf(a.decode(frame, rectified)));
    }),
    options,
  );
}
