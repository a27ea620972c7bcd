// Values → integers; dequantize.ts is the inverse. The formulas are those of src/codec/stages/quantize.ts,
// applied to each lane in the same order.
import { mix } from "./checksum";
import { dither, further, turnOf } from "./dither";
import { fetch, opaque, opaque16, opaqueFloat, settings } from "./scratch";

export const LOSSLESS: u32 = 0;
export const SUPPORT: u32 = 1;
export const PAPER: u32 = 2;
export const DITHERED: u32 = 3;
/** Dense mode's floors in half steps; not a quantizer of a frame. */
export const HALVES: u32 = 4;
export const SIGNED: u32 = 5;
/** Decoding SIGNED with a rectified copy beside the values; not a quantizer of a frame. */
export const TWINS: u32 = 6;

/** True if every integer stands for the one next to it towards zero. */
// @inline
export function isSigned(quantizer: u32): bool {
  return quantizer === SIGNED || quantizer === TWINS;
}

/** True if the integer of a value depends on its index. */
// @inline
export function dithers(quantizer: u32): bool {
  return quantizer === DITHERED || isSigned(quantizer);
}

/** The bits of 1.5·2^23. Adding it to |t| ≤ 2^22 leaves round-half-even(t) in the low mantissa bits. */
export const MAGIC: i32 = 0x4b400000;

/** The least lane of `low` and the largest of `high`, as the low and high half of the result. */
// @inline
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

/**
 * The nearest whole numbers, ties to even, of |t| ≤ 2^22. `magic` holds MAGIC; subtracting its bits as an
 * integer converts the sum.
 */
// @inline
export function nearest(t: v128, magic: v128): v128 {
  return i32x4.sub(f32x4.add(t, magic), magic);
}

// @inline
function rounded(t0: v128, t1: v128, magic: v128): v128 {
  return i16x8.narrow_i32x4_s(nearest(t0, magic), nearest(t1, magic));
}

/**
 * The signs of eight values, 16 bits each: −1, 0 or 1. The 32-bit patterns are narrowed to 16 bits with
 * saturation, which preserves both zero and the sign. Adding zero first turns −0 into +0.
 */
// @inline
function signsOf(x0: v128, x1: v128, one: v128, minusOne: v128): v128 {
  const zero = f32x4.splat(0);
  const pattern = i16x8.narrow_i32x4_s(f32x4.add(x0, zero), f32x4.add(x1, zero));
  return i16x8.max_s(i16x8.min_s(pattern, one), minusOne);
}

/**
 * Eight values that need no check → 16-bit integers: ±(⌊|x|·inverse⌋ + 1), computed as x·inverse truncated,
 * plus x's sign.
 *
 * proofs: Narrow.support_near, Narrow.paper_near, Narrow.dithered_near
 */
// @inline
function nearSupport(x0: v128, x1: v128, scale: v128, magic: v128, one: v128, minusOne: v128): v128 {
  const whole = rounded(f32x4.trunc(f32x4.mul(x0, scale)), f32x4.trunc(f32x4.mul(x1, scale)), magic);
  return i16x8.add_sat_s(whole, signsOf(x0, x1, one, minusOne));
}

// @inline
export function nearPaper(x0: v128, x1: v128, scale: v128, magic: v128): v128 {
  return rounded(f32x4.mul(x0, scale), f32x4.mul(x1, scale), magic);
}

/** `turn` belongs to the first four values, and adding `four` gives that of the next four. */
// @inline
export function nearDithered(x0: v128, x1: v128, scale: v128, magic: v128, turn: v128, four: v128, scratch: usize): v128 {
  const u0 = dither(turn, scratch);
  const u1 = dither(i32x4.add(turn, four), scratch);
  const r = rounded(f32x4.add(f32x4.mul(x0, scale), u0), f32x4.add(f32x4.mul(x1, scale), u1), magic);
  const zero = i16x8.splat(0);
  const none = i16x8.eq(i16x8.narrow_i32x4_s(f32x4.add(x0, zero), f32x4.add(x1, zero)), zero);
  return v128.andnot(i16x8.sub(r, i16x8.ge_s(r, zero)), none);
}

/**
 * As nearDithered, but one further from zero, to the side of the value; `below` is the scale of negative
 * values. 0 stays 0. proofs: Narrow.signed_near
 */
// @inline
export function nearSigned(
  x0: v128,
  x1: v128,
  scale: v128,
  below: v128,
  magic: v128,
  one: v128,
  minusOne: v128,
  turn: v128,
  four: v128,
  scratch: usize,
): v128 {
  const t0 = f32x4.mul(x0, v128.bitselect(below, scale, i32x4.shr_s(x0, 31)));
  const t1 = f32x4.mul(x1, v128.bitselect(below, scale, i32x4.shr_s(x1, 31)));
  const u0 = dither(turn, scratch);
  const u1 = dither(i32x4.add(turn, four), scratch);
  const r = rounded(f32x4.add(t0, u0), f32x4.add(t1, u1), magic);
  return i16x8.add_sat_s(r, signsOf(x0, x1, one, minusOne));
}

/** The floors of values in half steps; a floor and the next integer are both within the bound. */
// @inline
export function floors(x: v128, scale: v128, magic: v128): v128 {
  return nearest(f32x4.floor(f32x4.mul(x, scale)), magic);
}

/**
 * Quantises eight values at `at`. `below` is the scale of negative values under SIGNED, `magic` is magicOf's
 * result, and `one` and `minusOne` hold these numbers in all lanes.
 */
// @inline
export function nearEight(
  at: usize,
  scale: v128,
  below: v128,
  magic: v128,
  one: v128,
  minusOne: v128,
  turn: v128,
  four: v128,
  scratch: usize,
  quantizer: u32,
): v128 {
  const x0 = v128.load(at);
  const x1 = v128.load(at, 16);
  if (quantizer === SUPPORT) return nearSupport(x0, x1, scale, magic, one, minusOne);
  if (quantizer === PAPER) return nearPaper(x0, x1, scale, magic);
  if (quantizer === HALVES) return i16x8.narrow_i32x4_s(floors(x0, scale, magic), floors(x1, scale, magic));
  if (quantizer === SIGNED) return nearSigned(x0, x1, scale, below, magic, one, minusOne, turn, four, scratch);
  return nearDithered(x0, x1, scale, magic, turn, four, scratch);
}

// @inline
export function magicOf(scratch: usize): v128 {
  return opaque(MAGIC, scratch);
}

// @inline
function nearRun(x: usize, n: usize, q: usize, first: u32, scratch: usize, quantizer: u32): u32 {
  const s = settings(scratch);
  const scale = opaqueFloat(s.inverse, scratch);
  const below = opaqueFloat(s.negativeInverse, scratch);
  const magic = magicOf(scratch);
  const one = opaque16(1, scratch);
  const minusOne = opaque16(-1, scratch);
  const four = further(4, scratch);
  const eight = further(8, scratch);
  let turn = turnOf(first, mix(s.seed));
  let least = i16x8.splat(0x7fff);
  let most = i16x8.splat(-0x8000);
  let to = q;
  for (let at = x, end = x + n * 4; at < end; at += 64, to += 32) {
    const a = nearEight(at, scale, below, magic, one, minusOne, turn, four, scratch, quantizer);
    if (dithers(quantizer)) turn = i32x4.add(turn, eight);
    const b = nearEight(at + 32, scale, below, magic, one, minusOne, turn, four, scratch, quantizer);
    if (dithers(quantizer)) turn = i32x4.add(turn, eight);
    v128.store(to, a);
    v128.store(to, b, 16);
    least = i16x8.min_s(i16x8.min_s(least, a), b);
    most = i16x8.max_s(i16x8.max_s(most, a), b);
  }
  return range16(least, most);
}

/** Number of values that quantizeNear quantises before it checks how far from zero they are. */
const RUN: usize = 2048;

/**
 * Quantises n values (a multiple of 16) to 16-bit integers without reconstruction. That is sound if no |x|
 * exceeds 5120 steps (2^11 if dithered or signed): every value is then within the bound (docs/format.md, "Why
 * most chunks need no check"). The integers themselves show whether one does, because they saturate where the
 * arithmetic overflows or x is NaN. Returns false if some value is too far from zero; otherwise stores the
 * least and the largest integer in the settings' `range`. proofs: Narrow.near_seen, Narrow.dithered_seen
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
    if (dithers(s.quantizer)) fetch(at, count << 2, scratch);
    if (s.quantizer === SUPPORT) range = nearRun(at, count, to, number, scratch, SUPPORT);
    else if (s.quantizer === PAPER) range = nearRun(at, count, to, number, scratch, PAPER);
    else if (s.quantizer === SIGNED) range = nearRun(at, count, to, number, scratch, SIGNED);
    else range = nearRun(at, count, to, number, scratch, DITHERED);
    least = min(least, ((range << 16) as i32) >> 16);
    most = max(most, (range as i32) >> 16);
    if (least < -limit || most > limit) return false;
  }
  s.range = ((least & 0xffff) | (most << 16)) as u32;
  return true;
}
