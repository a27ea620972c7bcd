/** Masks and small integers in the fewest whole bits. Units: groups of 8 elements, which are whole bytes. */
import { loadSome, storeSome } from "./vector";

/** Lane j of the low (high) half: bit j (j + 4) of the byte. */
function selectBits(byte: i32, high: bool): v128 {
  const bits = high ? i32x4(16, 32, 64, 128) : i32x4(1, 2, 4, 8);
  return i32x4.eq(v128.and(i32x4.splat(byte), bits), bits);
}

function nonZeros(x: usize, count: i32): i32 {
  return count > 0 ? i32x4.bitmask(f32x4.ne(loadSome(x, count), f32x4.splat(0))) : 0;
}

/** n: elements in all. */
export function packNonZero(mask: usize, x: usize, n: i32, begin: i32, end: i32): void {
  for (let byte = begin; byte < end; byte++) {
    const from = x + ((<usize>byte) << 5);
    const left = n - (byte << 3);
    store<u8>(mask + byte, nonZeros(from, left) | (nonZeros(from + 16, left - 4) << 4));
  }
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
  for (let byte = begin; byte < end; byte++) {
    const bits = <i32>load<u8>(mask + byte);
    const offset = (<usize>byte) << 5;
    const left = n - (byte << 3);
    const low = f32x4.mul(loadSome(dy + offset, left), by);
    storeSome(dx + offset, v128.and(low, selectBits(bits, false)), left);
    if (left <= 4) continue;
    const high = f32x4.mul(loadSome(dy + offset + 16, left - 4), by);
    storeSome(dx + offset + 16, v128.and(high, selectBits(bits, true)), left - 4);
  }
}

/** The bijection `mix` of the reference, on four numbers. */
function mix(bits: v128): v128 {
  let h = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** threshold: p·2³², below which an element is dropped. */
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

/** 8 values ↔ `bits` bytes, by way of one 64-bit word. */
export function packBits(packed: usize, values: usize, n: i32, bits: i32, begin: i32, end: i32): void {
  const keep = ((<u64>1) << bits) - 1;
  for (let group = begin; group < end; group++) {
    const count = min(8, n - (group << 3));
    const from = values + (group << 3);
    let word: u64 = 0;
    for (let j = 0; j < count; j++) word |= (<u64>load<u8>(from + j) & keep) << (j * bits);
    const to = packed + group * bits;
    const bytes = (count * bits + 7) >> 3;
    for (let j = 0; j < bytes; j++) store<u8>(to + j, <u8>(word >> (j << 3)));
  }
}

export function unpackBits(values: usize, packed: usize, n: i32, bits: i32, begin: i32, end: i32): void {
  const keep = ((<u64>1) << bits) - 1;
  for (let group = begin; group < end; group++) {
    const count = min(8, n - (group << 3));
    const from = packed + group * bits;
    const bytes = (count * bits + 7) >> 3;
    let word: u64 = 0;
    for (let j = 0; j < bytes; j++) word |= (<u64>load<u8>(from + j)) << (j << 3);
    const to = values + (group << 3);
    for (let j = 0; j < count; j++) store<u8>(to + j, <u8>((word >> (j * bits)) & keep));
  }
}
