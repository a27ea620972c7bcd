// Integers → values, the inverse of quantize.ts. The formulas are those of src/codec/stages/quantize.ts,
// applied to each lane in the same order.
import { mix } from "./checksum";
import { dither, further, turnOf } from "./dither";
import { DITHERED, dithers, isSigned, PAPER, SIGNED, SUPPORT, TWINS } from "./quantize";
import { opaque16, opaqueFloat, settings } from "./scratch";

/** An integer clamped to ±½: half a step with the integer's sign, and 0 for 0. */
// @inline
function clamped(q: v128, half: v128, minusHalf: v128): v128 {
  return f32x4.pmax(f32x4.pmin(q, half), minusHalf);
}

/** The decoder's formula for four integers. */
// @inline
export function valueOf(integer: v128, quantizer: u32, step: v128, negativeStep: v128, u: v128): v128 {
  const q = f32x4.convert_i32x4_s(integer);
  if (quantizer === PAPER) return f32x4.mul(q, step);
  const below = i32x4.shr_s(integer, 31);
  const side = v128.bitselect(negativeStep, step, below);
  if (quantizer === SUPPORT) return f32x4.mul(f32x4.sub(q, clamped(q, f32x4.splat(0.5), f32x4.splat(-0.5))), side);
  const zero = i32x4.splat(0);
  if (quantizer === SIGNED) {
    const r = f32x4.convert_i32x4_s(i32x4.sub(i32x4.add(integer, i32x4.gt_s(integer, zero)), below));
    return v128.and(f32x4.mul(f32x4.sub(r, u), side), i32x4.ne(integer, zero));
  }
  // A comparison lane is −1 where true, so adding it takes 1 from the positive integers.
  const shifted = f32x4.convert_i32x4_s(i32x4.add(integer, i32x4.gt_s(integer, zero)));
  return v128.and(f32x4.mul(f32x4.sub(shifted, u), step), i32x4.ne(integer, zero));
}

/** Stores the bits of a raw value. If rectified, negative values become 0. */
// @inline
export function placeRaw(to: usize, word: u32, scratch: usize): void {
  const s = settings(scratch);
  const positive = word > 0x80000000 && word <= 0xff800000 ? 0 : word;
  store<u32>(to, s.rectified ? positive : word);
  if (s.twin !== 0) store<u32>(to + s.twin, positive);
}

/** Sets the negative ones of n values to 0, in place; n is a multiple of 4. */
export function rectify(x: usize, n: usize): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < n * 4; i += 16) {
    const value = v128.load(x + i);
    v128.store(x + i, v128.andnot(value, f32x4.lt(value, zero)));
  }
}

/** Maps float bits to integers in the order of the floats, and back; n is a multiple of 4. */
export function orderBits(to: usize, from: usize, n: usize): void {
  for (let i: usize = 0; i < n * 4; i += 16) {
    const bits = v128.load(from + i);
    v128.store(to + i, v128.xor(bits, v128.and(i32x4.shr_s(bits, 31), i32x4.splat(0x7fffffff))));
  }
}

/** Undoes closeGap: moves integers ≥ 0 up by one if the frame leaves zero out. */
// @inline
function opened(q: v128, gapless: bool): v128 {
  return gapless ? i16x8.sub(q, i16x8.ge_s(q, i16x8.splat(0))) : q;
}

/**
 * Stores the values of eight integers, with one step for both signs except under SIGNED. `one` and `other`
 * are aidOf and otherAidOf. `turn` belongs to the first four values, and adding `four` gives that of the next
 * four.
 *
 *   dithered  a positive integer q stands for q − 1, and 0 stays 0
 *   signed    every integer stands for the one next to it towards zero
 */
// @inline
export function storeEight(
  to: usize,
  integers: v128,
  quantizer: u32,
  gapless: bool,
  step: v128,
  one: v128,
  other: v128,
  turn: v128,
  four: v128,
  scratch: usize,
): void {
  const zero = i16x8.splat(0);
  let q = opened(integers, gapless);
  if (quantizer === SIGNED) q = i16x8.max_s(q, other);
  const below = i16x8.shr_s(q, 15);
  let r = q;
  if (dithers(quantizer)) r = i16x8.add(r, i16x8.gt_s(q, zero));
  if (isSigned(quantizer)) r = i16x8.sub(r, below);
  const a = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(r));
  const b = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(r));
  if (quantizer === PAPER) {
    v128.store(to, f32x4.mul(a, step));
    v128.store(to, f32x4.mul(b, step), 16);
  } else if (quantizer === SUPPORT) {
    v128.store(to, f32x4.mul(f32x4.sub(a, clamped(a, one, other)), step));
    v128.store(to, f32x4.mul(f32x4.sub(b, clamped(b, one, other)), step), 16);
  } else {
    const none = i16x8.eq(q, zero);
    const firstStep = isSigned(quantizer) ? v128.bitselect(one, step, i32x4.extend_low_i16x8_s(below)) : step;
    const secondStep = isSigned(quantizer) ? v128.bitselect(one, step, i32x4.extend_high_i16x8_s(below)) : step;
    const first = f32x4.mul(f32x4.sub(a, dither(turn, scratch)), firstStep);
    const second = f32x4.mul(f32x4.sub(b, dither(i32x4.add(turn, four), scratch)), secondStep);
    v128.store(to, v128.andnot(first, i32x4.extend_low_i16x8_s(none)));
    v128.store(to, v128.andnot(second, i32x4.extend_high_i16x8_s(none)), 16);
    if (quantizer === TWINS) {
      const above = i16x8.gt_s(q, zero);
      const beside = to + settings(scratch).twin;
      v128.store(beside, v128.and(first, i32x4.extend_low_i16x8_s(above)));
      v128.store(beside, v128.and(second, i32x4.extend_high_i16x8_s(above)), 16);
    }
  }
}

/** The first constant that storeEight needs besides the step: the negative step under SIGNED, otherwise ½. */
// @inline
export function aidOf(quantizer: u32, scratch: usize): v128 {
  return opaqueFloat(isSigned(quantizer) ? settings(scratch).negativeStep : 0.5, scratch);
}

/** The second constant: the least integer that is kept under SIGNED (0 when rectified), otherwise −½. */
// @inline
export function otherAidOf(quantizer: u32, scratch: usize): v128 {
  if (quantizer !== SIGNED) return opaqueFloat(-0.5, scratch);
  return opaque16(settings(scratch).rectified ? 0 : -32768, scratch);
}

// @inline
function valueRun(to: usize, from: usize, count: usize, first: u32, scratch: usize, quantizer: u32, gapless: bool): void {
  const s = settings(scratch);
  const step = opaqueFloat(s.step, scratch);
  const one = aidOf(quantizer, scratch);
  const other = otherAidOf(quantizer, scratch);
  const four = further(4, scratch);
  const eight = further(8, scratch);
  let turn = turnOf(first, mix(s.seed));
  let y = to;
  for (let at = from, end = from + (count << 1); at < end; at += 16, y += 32) {
    storeEight(y, v128.load(at), quantizer, gapless, step, one, other, turn, four, scratch);
    if (dithers(quantizer)) turn = i32x4.add(turn, eight);
  }
}

/** Writes the values of `count` (a multiple of 8) 16-bit integers, the first of which has index `first`. */
export function dequantize16(to: usize, from: usize, count: usize, gapless: bool, first: u32, scratch: usize): void {
  const s = settings(scratch);
  if (s.quantizer === DITHERED) {
    if (gapless) valueRun(to, from, count, first, scratch, DITHERED, true);
    else valueRun(to, from, count, first, scratch, DITHERED, false);
  } else if (s.quantizer === SIGNED) {
    if (gapless) valueRun(to, from, count, first, scratch, SIGNED, true);
    else valueRun(to, from, count, first, scratch, SIGNED, false);
  } else if (s.quantizer === PAPER) valueRun(to, from, count, first, scratch, PAPER, false);
  else if (s.step === s.negativeStep && s.rectified === 0) {
    if (gapless) valueRun(to, from, count, first, scratch, SUPPORT, true);
    else valueRun(to, from, count, first, scratch, SUPPORT, false);
  } else {
    const steps = f32x4.splat(s.step);
    const negativeSteps = f32x4.splat(s.negativeStep);
    const zero = i16x8.splat(0);
    const least = i16x8.splat(s.rectified ? 0 : -32768);
    for (let i: usize = 0; i < count << 1; i += 16) {
      let q = v128.load(from + i);
      if (gapless) q = i16x8.sub(q, i16x8.ge_s(q, zero));
      q = i16x8.max_s(q, least);
      v128.store(to + i * 2, valueOf(i32x4.extend_low_i16x8_s(q), SUPPORT, steps, negativeSteps, zero));
      v128.store(to + i * 2, valueOf(i32x4.extend_high_i16x8_s(q), SUPPORT, steps, negativeSteps, zero), 16);
    }
  }
}

/** dequantize16 for `signed`, which also writes a rectified copy. */
export function dequantizeTwins(to: usize, from: usize, count: usize, gapless: bool, first: u32, scratch: usize): void {
  if (gapless) valueRun(to, from, count, first, scratch, TWINS, true);
  else valueRun(to, from, count, first, scratch, TWINS, false);
}

/** Writes the values of 64 integers of 32 bits. */
export function dequantize32(to: usize, from: usize, gapless: bool, first: u32, scratch: usize): void {
  const s = settings(scratch);
  const steps = f32x4.splat(s.step);
  const negativeSteps = f32x4.splat(s.negativeStep);
  const zero = i32x4.splat(0);
  const four = further(4, scratch);
  let turn = turnOf(first, mix(s.seed));
  for (let i: usize = 0; i < 256; i += 16) {
    let q = v128.load(from + i);
    if (gapless) q = i32x4.sub(q, i32x4.ge_s(q, zero));
    if (s.rectified) q = i32x4.max_s(q, zero);
    const u = dithers(s.quantizer) ? dither(turn, scratch) : zero;
    v128.store(to + i, valueOf(q, s.quantizer, steps, negativeSteps, u));
    turn = i32x4.add(turn, four);
  }
}
