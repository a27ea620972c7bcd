// Values → integers and back; the formulas are those of src/codec/quantize.ts, lane by lane in the same order.
import { mix } from "./checksum";
import { opaque, Settings, settings } from "./scratch";

export const LOSSLESS: u32 = 0;
export const SUPPORT: u32 = 1;
export const PAPER: u32 = 2;
export const DITHERED: u32 = 3;
/** Dense mode's floors in half steps; no quantizer of a frame. */
export const HALVES: u32 = 4;
export const SIGNED: u32 = 5;

/** The bits of 1.5·2^23: added to |t| ≤ 2^22, it leaves round-half-even(t) in the low mantissa bits. */
export const MAGIC: i32 = 0x4b400000;
/** Those of 2^23: the same for whole numbers from 0 to 2^23. */
const WHOLE: i32 = 0x4b000000;

@inline
export function magnitude(x: v128): v128 {
  return v128.and(x, i32x4.splat(0x7fffffff));
}

/** The horizontal least and largest of eight, as low and high half of the result. */
@inline
export function range16(low: v128, high: v128): u32 {
  let least: i32 = i16x8.extract_lane_s(low, 0);
  let most: i32 = i16x8.extract_lane_s(high, 0);
  for (let k = 1; k < 8; k++) {
    low = i8x16.shuffle(low, low, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
    high = i8x16.shuffle(high, high, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
    least = min(least, i16x8.extract_lane_s(low, 0) as i32);
    most = max(most, i16x8.extract_lane_s(high, 0) as i32);
  }
  return ((least & 0xffff) | (most << 16)) as u32;
}

/** Four elements' dither; `index` holds their numbers. */
@inline
export function dither(key: v128, index: v128): v128 {
  let h = i32x4.add(i32x4.mul(index, i32x4.splat(0x9e3779b9)), key);
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(0x846ca68b));
  h = i32x4.shr_u(v128.xor(h, i32x4.shr_u(h, 16)), 9);
  const k = f32x4.convert_i32x4_s(h);
  return f32x4.add(f32x4.mul(k, f32x4.splat(1.1920928955078125e-7)), f32x4.splat(-0.499999940395355224609375));
}

/**
 * Eight values that need no check → sixteen-bit integers.
 *
 *   support  ⌊|x|·inverse⌋ + 1, masked where x is ±0, with the sign put back on sixteen-bit lanes:
 *            saturation keeps both "is zero" and the sign when 32-bit patterns shrink to 16
 *
 * proofs: Narrow.support_near, Narrow.paper_near, Narrow.dithered_near
 */
@inline
export function nearSupport(x0: v128, x1: v128, scale: v128, base: v128): v128 {
  // 2^23 + 1 is the next float, and the next integer.
  const one = i32x4.add(base, i32x4.splat(1));
  const a0 = magnitude(x0);
  const a1 = magnitude(x1);
  const m0 = i32x4.sub(f32x4.add(f32x4.floor(f32x4.mul(a0, scale)), one), base);
  const m1 = i32x4.sub(f32x4.add(f32x4.floor(f32x4.mul(a1, scale)), one), base);
  const some = i16x8.gt_s(i16x8.narrow_i32x4_s(a0, a1), i16x8.splat(0));
  const sign = i16x8.shr_s(i16x8.narrow_i32x4_s(x0, x1), 15);
  const m = v128.and(i16x8.narrow_i32x4_s(m0, m1), some);
  return i16x8.sub(v128.xor(m, sign), sign);
}

/** The nearest whole numbers, ties to even, of |t| ≤ 2^22; `magic` holds MAGIC, which is float and integer alike. */
@inline
export function nearest(t: v128, magic: v128): v128 {
  return i32x4.sub(f32x4.add(t, magic), magic);
}

@inline
function rounded(t0: v128, t1: v128, magic: v128): v128 {
  return i16x8.narrow_i32x4_s(nearest(t0, magic), nearest(t1, magic));
}

@inline
export function nearPaper(x0: v128, x1: v128, scale: v128, magic: v128): v128 {
  return rounded(f32x4.mul(x0, scale), f32x4.mul(x1, scale), magic);
}

/** `index`: the numbers of the first four. */
@inline
export function nearDithered(x0: v128, x1: v128, scale: v128, magic: v128, key: v128, index: v128): v128 {
  const u0 = dither(key, index);
  const u1 = dither(key, i32x4.add(index, i32x4.splat(4)));
  const r = rounded(f32x4.add(f32x4.mul(x0, scale), u0), f32x4.add(f32x4.mul(x1, scale), u1), magic);
  const zero = i16x8.splat(0);
  const some = i16x8.gt_s(i16x8.narrow_i32x4_s(magnitude(x0), magnitude(x1)), zero);
  return v128.and(i16x8.sub(r, i16x8.ge_s(r, zero)), some);
}

/**
 * Dithered, and one further from zero to the value's side; `below`: the scale of values below zero. Where the arithmetic
 * overflows or x is NaN the sum wraps around, which is as far from near as saturation. proofs: Narrow.signed_near
 */
@inline
export function nearSigned(x0: v128, x1: v128, scale: v128, below: v128, magic: v128, key: v128, index: v128): v128 {
  const u0 = dither(key, index);
  const u1 = dither(key, i32x4.add(index, i32x4.splat(4)));
  const t0 = f32x4.mul(x0, v128.bitselect(below, scale, i32x4.shr_s(x0, 31)));
  const t1 = f32x4.mul(x1, v128.bitselect(below, scale, i32x4.shr_s(x1, 31)));
  const r = rounded(f32x4.add(t0, u0), f32x4.add(t1, u1), magic);
  const some = i16x8.gt_s(i16x8.narrow_i32x4_s(magnitude(x0), magnitude(x1)), i16x8.splat(0));
  const side = v128.or(i16x8.shr_s(i16x8.narrow_i32x4_s(x0, x1), 15), i16x8.splat(1));
  return v128.and(i16x8.add(r, side), some);
}

/** Of values in half steps, the integer below: it and the next are both within the bound. */
@inline
export function floors(x: v128, scale: v128, magic: v128): v128 {
  return nearest(f32x4.floor(f32x4.mul(x, scale)), magic);
}

/** `below`: the scale of values below zero, under SIGNED; `magic`: what magicOf gives. */
@inline
export function nearEight(
  at: usize,
  scale: v128,
  below: v128,
  magic: v128,
  key: v128,
  index: v128,
  quantizer: u32,
): v128 {
  const x0 = v128.load(at);
  const x1 = v128.load(at, 16);
  if (quantizer == SUPPORT) return nearSupport(x0, x1, scale, magic);
  if (quantizer == PAPER) return nearPaper(x0, x1, scale, magic);
  if (quantizer == HALVES) return i16x8.narrow_i32x4_s(floors(x0, scale, magic), floors(x1, scale, magic));
  if (quantizer == SIGNED) return nearSigned(x0, x1, scale, below, magic, key, index);
  return nearDithered(x0, x1, scale, magic, key, index);
}

@inline
export function magicOf(quantizer: u32, scratch: usize): v128 {
  return opaque(quantizer == SUPPORT ? WHOLE : MAGIC, scratch);
}

@inline
function nearRun(x: usize, n: usize, q: usize, first: u32, scratch: usize, quantizer: u32): u32 {
  const s = settings(scratch);
  const scale = f32x4.splat(s.inverse);
  const below = f32x4.splat(s.negativeInverse);
  const magic = magicOf(quantizer, scratch);
  const key = i32x4.splat(mix(s.seed));
  let index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  let least = i16x8.splat(0x7fff);
  let most = i16x8.splat(-0x8000);
  let to = q;
  for (let at = x, end = x + n * 4; at < end; at += 64, to += 32) {
    const a = nearEight(at, scale, below, magic, key, index, quantizer);
    if (quantizer == DITHERED || quantizer == SIGNED) index = i32x4.add(index, i32x4.splat(8));
    const b = nearEight(at + 32, scale, below, magic, key, index, quantizer);
    if (quantizer == DITHERED || quantizer == SIGNED) index = i32x4.add(index, i32x4.splat(8));
    v128.store(to, a);
    v128.store(to, b, 16);
    least = i16x8.min_s(i16x8.min_s(least, a), b);
    most = i16x8.max_s(i16x8.max_s(most, a), b);
  }
  return range16(least, most);
}

/** Values that quantizeNear takes before it looks at how far they are. */
const RUN: usize = 2048;

/**
 * Where no |x| exceeds 5120 steps (2^11 if dithered or signed), every value is within the bound (docs/format.md, "Why most
 * chunks need no check"), so eight at a time need no reconstruction. That none does is seen from the integers: where the
 * arithmetic overflows or x is NaN, they saturate. Writes 16-bit integers; n is a multiple of 16. False where some value
 * is too far; else the least and the largest are in the settings' `range`. proofs: Narrow.near_seen, Narrow.dithered_seen
 */
export function quantizeNear(x: usize, n: usize, q: usize, first: u32, scratch: usize): bool {
  const s = settings(scratch);
  const limit = s.near;
  if (limit < 0) return false;
  let least: i32 = 0x7fff;
  let most: i32 = -0x8000;
  for (let i: usize = 0; i < n; i += RUN) {
    const count = min(RUN, n - i);
    const at = x + (i << 2);
    const to = q + (i << 1);
    const number = first + (i as u32);
    let range: u32;
    if (s.quantizer == SUPPORT) range = nearRun(at, count, to, number, scratch, SUPPORT);
    else if (s.quantizer == PAPER) range = nearRun(at, count, to, number, scratch, PAPER);
    else if (s.quantizer == SIGNED) range = nearRun(at, count, to, number, scratch, SIGNED);
    else range = nearRun(at, count, to, number, scratch, DITHERED);
    least = min(least, ((range << 16) as i32) >> 16);
    most = max(most, (range as i32) >> 16);
    if (least < -limit || most > limit) return false;
  }
  s.range = ((least & 0xffff) | (most << 16)) as u32;
  return true;
}

/** An integer clamped to ±½: half a step towards zero, and 0 for 0. */
@inline
export function half(q: v128): v128 {
  return f32x4.pmax(f32x4.pmin(q, f32x4.splat(0.5)), f32x4.splat(-0.5));
}

/** The decoder's formula for four integers. */
@inline
export function valueOf(integer: v128, quantizer: u32, step: v128, negativeStep: v128, u: v128): v128 {
  const q = f32x4.convert_i32x4_s(integer);
  if (quantizer == PAPER) return f32x4.mul(q, step);
  const side = v128.bitselect(negativeStep, step, i32x4.shr_s(integer, 31));
  if (quantizer == SUPPORT) return f32x4.mul(f32x4.sub(q, half(q)), side);
  const zero = i32x4.splat(0);
  if (quantizer == SIGNED) {
    const nearer = i32x4.sub(i32x4.add(integer, i32x4.gt_s(integer, zero)), i32x4.shr_s(integer, 31));
    return v128.and(f32x4.mul(f32x4.sub(f32x4.convert_i32x4_s(nearer), u), side), i32x4.ne(integer, zero));
  }
  // Comparison lanes are −1 where true: adding one takes 1 from the positive integers.
  const shifted = f32x4.convert_i32x4_s(i32x4.add(integer, i32x4.gt_s(integer, zero)));
  return v128.and(f32x4.mul(f32x4.sub(shifted, u), step), i32x4.ne(integer, zero));
}

/** What becomes of a value that was kept raw: its own bits, or 0 below zero if `rectified`. */
@inline
export function rawValue(word: u32, rectified: bool): u32 {
  return rectified && word > 0x80000000 && word <= 0xff800000 ? 0 : word;
}

/** The same of n values in place; n is a multiple of 4. */
export function rectify(x: usize, n: usize): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < n * 4; i += 16) {
    const value = v128.load(x + i);
    v128.store(x + i, v128.andnot(value, f32x4.lt(value, zero)));
  }
}

/** Bits → integers in the order of the floats, and back; n is a multiple of 4. */
export function orderBits(to: usize, from: usize, n: usize): void {
  for (let i: usize = 0; i < n * 4; i += 16) {
    const bits = v128.load(from + i);
    v128.store(to + i, v128.xor(bits, v128.and(i32x4.shr_s(bits, 31), i32x4.splat(0x7fffffff))));
  }
}

/** Under support with one step. */
@inline
function supportRun(to: usize, from: usize, count: usize, gapless: bool, steps: v128): void {
  let y = to;
  for (let at = from, end = from + (count << 1); at < end; at += 16, y += 32) {
    let q = v128.load(at);
    if (gapless) q = i16x8.sub(q, i16x8.ge_s(q, i16x8.splat(0)));
    const a = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(q));
    const b = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(q));
    v128.store(y, f32x4.mul(f32x4.sub(a, half(a)), steps));
    v128.store(y, f32x4.mul(f32x4.sub(b, half(b)), steps), 16);
  }
}

@inline
function ditheredRun(to: usize, from: usize, count: usize, gapless: bool, first: u32, s: Settings, quantizer: u32): void {
  const steps = f32x4.splat(s.step);
  const negativeSteps = f32x4.splat(s.negativeStep);
  const least = i16x8.splat(s.rectified ? 0 : -32768);
  const key = i32x4.splat(mix(s.seed));
  const zero = i16x8.splat(0);
  const four = i32x4.splat(4);
  let index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  for (let i: usize = 0; i < count << 1; i += 16) {
    let q = v128.load(from + i);
    if (gapless) q = i16x8.sub(q, i16x8.ge_s(q, zero));
    if (quantizer == SIGNED) q = i16x8.max_s(q, least);
    v128.store(to + i * 2, valueOf(i32x4.extend_low_i16x8_s(q), quantizer, steps, negativeSteps, dither(key, index)));
    index = i32x4.add(index, four);
    v128.store(to + i * 2, valueOf(i32x4.extend_high_i16x8_s(q), quantizer, steps, negativeSteps, dither(key, index)), 16);
    index = i32x4.add(index, four);
  }
}

/** The values of `count` (a multiple of 8) sixteen-bit integers, number `first` first. */
export function dequantize16(to: usize, from: usize, count: usize, gapless: bool, first: u32, scratch: usize): void {
  const s = settings(scratch);
  const steps = f32x4.splat(s.step);
  const negativeSteps = f32x4.splat(s.negativeStep);
  const zero = i16x8.splat(0);
  const least = i16x8.splat(s.rectified ? 0 : -32768);
  if (s.quantizer == DITHERED) ditheredRun(to, from, count, gapless, first, s, DITHERED);
  else if (s.quantizer == SIGNED) ditheredRun(to, from, count, gapless, first, s, SIGNED);
  else if (s.quantizer == PAPER) {
    for (let i: usize = 0; i < count << 1; i += 16) {
      const q = v128.load(from + i);
      v128.store(to + i * 2, valueOf(i32x4.extend_low_i16x8_s(q), PAPER, steps, steps, zero));
      v128.store(to + i * 2, valueOf(i32x4.extend_high_i16x8_s(q), PAPER, steps, steps, zero), 16);
    }
  } else if (s.step == s.negativeStep && s.rectified == 0) {
    if (gapless) supportRun(to, from, count, true, steps);
    else supportRun(to, from, count, false, steps);
  } else {
    for (let i: usize = 0; i < count << 1; i += 16) {
      let q = v128.load(from + i);
      if (gapless) q = i16x8.sub(q, i16x8.ge_s(q, zero));
      q = i16x8.max_s(q, least);
      v128.store(to + i * 2, valueOf(i32x4.extend_low_i16x8_s(q), SUPPORT, steps, negativeSteps, zero));
      v128.store(to + i * 2, valueOf(i32x4.extend_high_i16x8_s(q), SUPPORT, steps, negativeSteps, zero), 16);
    }
  }
}

/** The same of 64 integers of 32 bits. */
export function dequantize32(to: usize, from: usize, gapless: bool, first: u32, scratch: usize): void {
  const s = settings(scratch);
  const steps = f32x4.splat(s.step);
  const negativeSteps = f32x4.splat(s.negativeStep);
  const key = i32x4.splat(mix(s.seed));
  const zero = i32x4.splat(0);
  let index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  for (let i: usize = 0; i < 256; i += 16) {
    let q = v128.load(from + i);
    if (gapless) q = i32x4.sub(q, i32x4.ge_s(q, zero));
    if (s.rectified) q = i32x4.max_s(q, zero);
    const u = s.quantizer == DITHERED || s.quantizer == SIGNED ? dither(key, index) : zero;
    v128.store(to + i, valueOf(q, s.quantizer, steps, negativeSteps, u));
    index = i32x4.add(index, i32x4.splat(4));
  }
}
