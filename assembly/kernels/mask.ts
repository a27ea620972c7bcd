/** Masks and small integers in the fewest whole bits. Units: groups of 8 elements, which take whole bytes. */
import { loadSome } from "./vector";

/** Four lanes from a byte: lane j is all ones if bit j (or bit j + 4 if `high`) is set. */
function selectBits(byte: i32, high: bool): v128 {
  const bits = high ? i32x4(16, 32, 64, 128) : i32x4(1, 2, 4, 8);
  return i32x4.eq(v128.and(i32x4.splat(byte), bits), bits);
}

function nonZeros(x: v128): i32 {
  return i32x4.bitmask(f32x4.ne(x, f32x4.splat(0)));
}

/** `n` is the number of elements in all. */
export function packNonZero(mask: usize, x: usize, n: i32, begin: i32, end: i32): void {
  const whole = min(end, n >> 3);
  for (let byte = begin; byte < whole; byte++) {
    const from = x + ((<usize>byte) << 5);
    store<u8>(mask + byte, nonZeros(v128.load(from)) | (nonZeros(v128.load(from, 16)) << 4));
  }
  if (whole === end) return;
  const from = x + ((<usize>whole) << 5);
  const left = n & 7;
  const high = left > 4 ? nonZeros(loadSome(from + 16, left - 4)) : 0;
  store<u8>(mask + whole, nonZeros(loadSome(from, left)) | (high << 4));
}

export function applyMask(
  dx: usize,
  dy: usize,
  mask: usize,
  factor: f32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  const by = f32x4.splat(factor);
  const whole = min(end, n >> 3);
  for (let byte = begin; byte < whole; byte++) {
    const bits = <i32>load<u8>(mask + byte);
    const offset = (<usize>byte) << 5;
    const low = f32x4.mul(v128.load(dy + offset), by);
    const high = f32x4.mul(v128.load(dy + offset, 16), by);
    v128.store(dx + offset, v128.and(low, selectBits(bits, false)));
    v128.store(dx + offset, v128.and(high, selectBits(bits, true)), 16);
  }
  for (let i = max(begin << 3, whole << 3); i < min(end << 3, n); i++) {
    const offset = (<usize>i) << 2;
    const kept = (<i32>load<u8>(mask + (i >> 3)) >> (i & 7)) & 1;
    store<f32>(dx + offset, kept ? load<f32>(dy + offset) * factor : 0);
  }
}

/** The bijection `mix` of the reference, for four numbers. */
function mix(bits: v128): v128 {
  let h = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** An element is dropped if its random number is below `threshold`, which is p·2³². */
export function dropoutMask(mask: usize, n: i32, threshold: u32, seed: i32, begin: i32, end: i32): void {
  const limit = i32x4.splat(threshold);
  const start = i32x4.extract_lane(mix(i32x4.splat(seed)), 0);
  for (let byte = begin; byte < end; byte++) {
    const first = i32x4.add(i32x4.splat(start + (byte << 3)), i32x4(0, 1, 2, 3));
    const low = i32x4.bitmask(i32x4.ge_u(mix(first), limit));
    const high = i32x4.bitmask(i32x4.ge_u(mix(i32x4.add(first, i32x4.splat(4))), limit));
    const left = min(8, n - (byte << 3));
    store<u8>(mask + byte, (low | (high << 4)) & ((1 << left) - 1));
  }
}

/**
 * Packs 8 bytes into 8 values of `bits` (b) bits, in one 64-bit word. Three steps each close the gap between
 * neighbours; unpackBits opens the gaps in the reverse order.
 *
 *   8 × 8    |    b |    b |    b |    b |    b |    b |    b |    b |
 *   4 × 16   |        2b |        2b |        2b |        2b |
 *   2 × 32   |                4b |                4b |
 *   1 × 64   |                              8b |
 */
export function packBits(packed: usize, values: usize, n: i32, bits: i32, begin: i32, end: i32): void {
  const b = <u64>bits;
  const ones = lowBits(b, 16);
  const twos = lowBits(2 * b, 32);
  const fours = lowBits(4 * b, 64);
  for (let group = begin; group < end; group++) {
    const count = min(8, n - (group << 3));
    const word = packWord(loadBytes(values + (group << 3), count), b, ones, twos, fours);
    storeBytes(packed + group * bits, word, (count * bits + 7) >> 3);
  }
}

export function unpackBits(values: usize, packed: usize, n: i32, bits: i32, begin: i32, end: i32): void {
  const b = <u64>bits;
  const ones = lowBits(b, 16);
  const twos = lowBits(2 * b, 32);
  const fours = lowBits(4 * b, 64);
  for (let group = begin; group < end; group++) {
    const count = min(8, n - (group << 3));
    const word = loadBytes(packed + group * bits, (count * bits + 7) >> 3);
    storeBytes(values + (group << 3), spreadWord(word, b, ones, twos, fours), count);
  }
}

// @inline
export function packWord(bytes: u64, b: u64, ones: u64, twos: u64, fours: u64): u64 {
  let word = (bytes & ones) | ((bytes >> (8 - b)) & (ones << b));
  word = (word & twos) | ((word >> (16 - 2 * b)) & (twos << (2 * b)));
  return (word & fours) | ((word >> (32 - 4 * b)) & (fours << (4 * b)));
}

// @inline
export function spreadWord(packed: u64, b: u64, ones: u64, twos: u64, fours: u64): u64 {
  let word = (packed & fours) | ((packed << (32 - 4 * b)) & (fours << 32));
  word = (word & twos) | ((word << (16 - 2 * b)) & (twos << 16));
  return (word & ones) | ((word << (8 - b)) & (ones << 8));
}

/** A mask of the low `count` bits in every `width` bits. */
export function lowBits(count: u64, width: u64): u64 {
  let mask = u64.MAX_VALUE >> (64 - count);
  for (; width < 64; width <<= 1) mask |= mask << width;
  return mask;
}

export function loadBytes(from: usize, count: i32): u64 {
  if (count === 8) return load<u64>(from);
  if (count === 2) return <u64>load<u16>(from);
  if (count === 4) return <u64>load<u32>(from);
  let word: u64 = 0;
  for (let j = 0; j < count; j++) word |= (<u64>load<u8>(from + j)) << (j << 3);
  return word;
}

export function storeBytes(to: usize, word: u64, count: i32): void {
  if (count === 8) store<u64>(to, word);
  else if (count === 2) store<u16>(to, <u16>word);
  else if (count === 4) store<u32>(to, <u32>word);
  else for (let j = 0; j < count; j++) store<u8>(to + j, <u8>(word >> (j << 3)));
}
