// Values → integers, each checked by reconstruction: the decoded value must lie within the bound. The
// formulas are those of src/codec/stages/quantize.ts, applied to each lane in the same order.
import { mix } from "./checksum";
import { valueOf } from "./dequantize";
import { dither, further, turnOf } from "./dither";
import { DITHERED, dithers, magicOf, nearest, PAPER, range16, SIGNED, SUPPORT } from "./quantize";
import { ESCAPES, POSITIONS, Q, Settings, settings } from "./scratch";

const LARGEST_QUOTIENT: f32 = 4194304;

/** Marks a value that has no integer and escapes. */
const ESCAPED: i32 = -0x80000000;

/**
 * The integers of four values, or ESCAPED where there is none. `turn` is turnOf their first index; `magic` is
 * magicOf's result.
 */
// @inline
export function checkedFour(value: v128, turn: v128, magic: v128, s: Settings, scratch: usize, quantizer: u32): v128 {
  const zero = i32x4.splat(0);
  const some = f32x4.ne(value, f32x4.splat(0));
  const steps = f32x4.splat(s.step);
  let integer: v128;
  let quotient: v128;
  let u = zero;
  let bounds = f32x4.splat(s.bound);
  let scale = f32x4.splat(s.inverse);
  const negative = f32x4.lt(value, f32x4.splat(0));
  if (quantizer === SUPPORT || quantizer === SIGNED) {
    scale = v128.bitselect(f32x4.splat(s.negativeInverse), scale, negative);
    bounds = v128.bitselect(f32x4.splat(s.negativeBound), bounds, negative);
  }
  if (quantizer === SUPPORT) {
    quotient = f32x4.mul(f32x4.abs(value), scale);
    const m = i32x4.add(i32x4.trunc_sat_f32x4_s(quotient), i32x4.splat(1));
    integer = i32x4.sub(v128.xor(v128.and(m, some), negative), negative);
  } else {
    quotient = f32x4.mul(value, scale);
    if (dithers(quantizer)) {
      u = dither(turn, scratch);
      quotient = f32x4.add(quotient, u);
    }
    integer = nearest(quotient, magic);
    if (quantizer === DITHERED) {
      const up = i32x4.add(integer, i32x4.add(i32x4.splat(1), i32x4.lt_s(integer, zero)));
      integer = v128.and(up, some);
    } else if (quantizer === SIGNED) {
      integer = v128.and(i32x4.add(integer, v128.or(negative, i32x4.splat(1))), some);
    }
  }
  const back = valueOf(integer, quantizer, steps, f32x4.splat(s.negativeStep), u);
  const within = v128.and(
    f32x4.lt(f32x4.abs(f32x4.sub(value, back)), bounds),
    f32x4.lt(f32x4.abs(quotient), f32x4.splat(LARGEST_QUOTIENT)),
  );
  return v128.bitselect(integer, i32x4.splat(ESCAPED), within);
}

/**
 * Stores an escape for each set bit of `bad`: its word, and its position in the chunk, which starts at `at`.
 * Returns the new count, or −1 for more than `most`.
 */
function note(bad: u32, x: usize, at: usize, count0: u32, most: u32, scratch: usize): i32 {
  let count = count0;
  for (let rest = bad; rest !== 0; rest &= rest - 1) {
    if (count >= most) return -1;
    const lane = ctz(rest) as usize;
    store<u32>(scratch + ESCAPES + 4 * (count as usize), load<u32>(x + lane * 4));
    store<u16>(scratch + POSITIONS + 2 * (count as usize), (at + lane) as u16);
    count++;
  }
  return count as i32;
}

// @inline
function wideRun(x: usize, n: usize, at0: usize, count0: u32, most: u32, scratch: usize, first: u32, quantizer: u32): i32 {
  const s = settings(scratch);
  const magic = magicOf(scratch);
  const escaped = i32x4.splat(ESCAPED);
  const four = further(4, scratch);
  let turn = turnOf(first + (at0 as u32), mix(s.seed));
  let count = count0 as i32;
  for (let i: usize = 0; i < n; i += 4) {
    const integer = checkedFour(v128.load(x + i * 4), turn, magic, s, scratch, quantizer);
    const bad = i32x4.eq(integer, escaped);
    v128.store(scratch + Q + (at0 + i) * 4, v128.andnot(integer, bad));
    turn = i32x4.add(turn, four);
    const bits = i32x4.bitmask(bad) as u32;
    if (bits === 0) continue;
    count = note(bits, x + i * 4, at0 + i, count as u32, most, scratch);
    if (count < 0) return -1;
  }
  return count;
}

/**
 * Writes 32-bit integers to scratch + Q from position `at0` on, and appends escapes to the `count` existing
 * ones. Returns the new count, or −1 if it exceeds `most`. n is a multiple of 8.
 */
export function quantizeWide(x: usize, n: usize, at0: usize, count: u32, most: u32, scratch: usize, first: u32): i32 {
  const quantizer = settings(scratch).quantizer;
  if (quantizer === SUPPORT) return wideRun(x, n, at0, count, most, scratch, first, SUPPORT);
  if (quantizer === PAPER) return wideRun(x, n, at0, count, most, scratch, first, PAPER);
  if (quantizer === SIGNED) return wideRun(x, n, at0, count, most, scratch, first, SIGNED);
  return wideRun(x, n, at0, count, most, scratch, first, DITHERED);
}

/** An additional return value of quantizeNarrow: some integer does not fit in 16 bits. */
export const TOO_WIDE: i32 = -2;

// @inline
function narrowRun(x: usize, n: usize, at0: usize, count0: u32, most: u32, scratch: usize, first: u32, quantizer: u32): i32 {
  const s = settings(scratch);
  const magic = magicOf(scratch);
  const escaped = i32x4.splat(ESCAPED);
  const four = further(4, scratch);
  let turn = turnOf(first + (at0 as u32), mix(s.seed));
  let count = count0 as i32;
  let least = i16x8.splat(0x7fff);
  let largest = i16x8.splat(-0x8000);
  for (let i: usize = 0; i < n; i += 8) {
    const a = checkedFour(v128.load(x + i * 4), turn, magic, s, scratch, quantizer);
    turn = i32x4.add(turn, four);
    const b = checkedFour(v128.load(x + i * 4, 16), turn, magic, s, scratch, quantizer);
    turn = i32x4.add(turn, four);
    const badA = i32x4.eq(a, escaped);
    const badB = i32x4.eq(b, escaped);
    const v = i16x8.narrow_i32x4_s(v128.andnot(a, badA), v128.andnot(b, badB));
    v128.store(scratch + Q + (at0 + i) * 2, v);
    least = i16x8.min_s(least, v);
    largest = i16x8.max_s(largest, v);
    if (!v128.any_true(v128.or(badA, badB))) continue;
    const bits = (i32x4.bitmask(badA) | (i32x4.bitmask(badB) << 4)) as u32;
    count = note(bits, x + i * 4, at0 + i, count as u32, most, scratch);
    if (count < 0) return -1;
  }
  const range = range16(least, largest);
  s.range = range;
  // Narrowing saturates, so an extreme lane may stand for a larger integer.
  const saturated = (range as i32) >> 16 === 32767 || (range & 0xffff) === 0x8000;
  return saturated ? TOO_WIDE : count;
}

/**
 * quantizeWide for 16-bit integers. Also stores the least and the largest integer in the settings' `range`.
 */
export function quantizeNarrow(x: usize, n: usize, at0: usize, count: u32, most: u32, scratch: usize, first: u32): i32 {
  const quantizer = settings(scratch).quantizer;
  if (quantizer === SUPPORT) return narrowRun(x, n, at0, count, most, scratch, first, SUPPORT);
  if (quantizer === PAPER) return narrowRun(x, n, at0, count, most, scratch, first, PAPER);
  if (quantizer === SIGNED) return narrowRun(x, n, at0, count, most, scratch, first, SIGNED);
  return narrowRun(x, n, at0, count, most, scratch, first, DITHERED);
}
