// Blocks of 64 unsigned integers ↔ planes of 8, 4, 2 and 1 bits; src/codec/stages/pack.ts draws them. A row
// here is a vector with one byte of each of sixteen integers; the bits of the current plane are its lowest.
import { opaque } from "./scratch";

/**
 * Writes the last planes: the `bits` < 8 low bits of four rows. `fifteen`, `three` and `one` hold these
 * numbers in every byte. Returns the address after the last byte. 16-bit shifts move bits of the neighbouring
 * byte in at the top of each byte; the masks of the following planes remove them.
 */
// @inline
export function packRows(
  to: usize,
  row0: v128,
  row1: v128,
  row2: v128,
  row3: v128,
  bits: u32,
  fifteen: v128,
  three: v128,
  one: v128,
): usize {
  let at = to;
  let a = row0;
  let b = row1;
  let c = row2;
  let d = row3;
  if (bits & 4) {
    v128.store(at, v128.or(v128.and(a, fifteen), i16x8.shl(v128.and(b, fifteen), 4)));
    v128.store(at, v128.or(v128.and(c, fifteen), i16x8.shl(v128.and(d, fifteen), 4)), 16);
    at += 32;
    a = i16x8.shr_u(a, 4);
    b = i16x8.shr_u(b, 4);
    c = i16x8.shr_u(c, 4);
    d = i16x8.shr_u(d, 4);
  }
  if (bits & 2) {
    const low = v128.or(v128.and(a, three), i16x8.shl(v128.and(b, three), 2));
    const high = v128.or(v128.and(c, three), i16x8.shl(v128.and(d, three), 2));
    v128.store(at, v128.or(low, i16x8.shl(high, 4)));
    at += 16;
    a = i16x8.shr_u(a, 2);
    b = i16x8.shr_u(b, 2);
    c = i16x8.shr_u(c, 2);
    d = i16x8.shr_u(d, 2);
  }
  if (bits & 1) {
    const low = v128.or(v128.and(a, one), i16x8.shl(v128.and(b, one), 1));
    const high = v128.or(v128.and(c, one), i16x8.shl(v128.and(d, one), 1));
    const n = v128.or(low, i16x8.shl(high, 2));
    store<u64>(at, i64x2.extract_lane(n, 0) | (i64x2.extract_lane(n, 1) << 4));
    at += 8;
  }
  return at;
}

/** What the four rows of bytes become: bytes, 16-bit integers, or the high bytes of 16-bit integers. */
const BYTES: u32 = 0;
const INTEGERS: u32 = 1;
const HIGH: u32 = 2;

/** Stores the sixteen integers of a row at `to`; for HIGH, the low bytes are at `low`. */
// @inline
function storeRow(to: usize, row: v128, kind: u32, low: usize): void {
  if (kind === BYTES) {
    v128.store(to, row);
    return;
  }
  const l = kind === HIGH ? v128.load(low) : row;
  const h = kind === HIGH ? row : i8x16.splat(0);
  v128.store(to, i8x16.shuffle(l, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(to, i8x16.shuffle(l, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
}

// @inline
function storeRows(to: usize, kind: u32, low: usize, a: v128, b: v128, c: v128, d: v128): void {
  const row: usize = kind === BYTES ? 16 : 32;
  storeRow(to, a, kind, low);
  storeRow(to + row, b, kind, low + 16);
  storeRow(to + row * 2, c, kind, low + 32);
  storeRow(to + row * 3, d, kind, low + 48);
}

/** The inverse of packRows. */
// @inline
function unpackRows(to: usize, from: usize, bits: u32, kind: u32, bytes: usize, fifteen: v128, three: v128, one: v128): void {
  let at = from;
  let a = i8x16.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let shift = 0;
  if (bits & 4) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    a = v128.and(low, fifteen);
    b = v128.and(i16x8.shr_u(low, 4), fifteen);
    c = v128.and(high, fifteen);
    d = v128.and(i16x8.shr_u(high, 4), fifteen);
    at += 32;
    shift = 4;
  }
  if (bits & 2) {
    const all = v128.load(at);
    a = v128.or(a, i16x8.shl(v128.and(all, three), shift));
    b = v128.or(b, i16x8.shl(v128.and(i16x8.shr_u(all, 2), three), shift));
    c = v128.or(c, i16x8.shl(v128.and(i16x8.shr_u(all, 4), three), shift));
    d = v128.or(d, i16x8.shl(v128.and(i16x8.shr_u(all, 6), three), shift));
    at += 16;
    shift += 2;
  }
  if (bits & 1) {
    const word = load<u64>(at);
    const n = i64x2.replace_lane(i64x2.splat(word), 1, word >> 4);
    a = v128.or(a, i16x8.shl(v128.and(n, one), shift));
    b = v128.or(b, i16x8.shl(v128.and(i16x8.shr_u(n, 1), one), shift));
    c = v128.or(c, i16x8.shl(v128.and(i16x8.shr_u(n, 2), one), shift));
    d = v128.or(d, i16x8.shl(v128.and(i16x8.shr_u(n, 3), one), shift));
  }
  storeRows(to, kind, bytes, a, b, c, d);
}

/** Two vectors of 16-bit integers below 256 as one row of bytes. */
// @inline
function byteRow(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(a, b);
}

/** The low bytes of two vectors of 16-bit integers, as one row. */
// @inline
function lowRow(a: v128, b: v128): v128 {
  const mask = i16x8.splat(255);
  return i8x16.narrow_i16x8_u(v128.and(a, mask), v128.and(b, mask));
}

/** The high bytes of two vectors of 16-bit integers, as one row. */
// @inline
function highRow(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8));
}

// @inline
function storeBytes(to: usize, a: v128, b: v128, c: v128, d: v128): usize {
  storeRows(to, BYTES, 0, a, b, c, d);
  return to + 64;
}

/** Packs 64 integers of `width` ≤ 16 bits, eight per vector, with branch-free code for each width. */
// @inline
function packVectors(
  to: usize,
  width: u32,
  v0: v128,
  v1: v128,
  v2: v128,
  v3: v128,
  v4: v128,
  v5: v128,
  v6: v128,
  v7: v128,
  scratch: usize,
): usize {
  if (width === 0) return to;
  const fifteen = opaque(0x0f0f0f0f, scratch);
  const three = opaque(0x03030303, scratch);
  const one = opaque(0x01010101, scratch);
  if (width <= 8) {
    const a = byteRow(v0, v1);
    const b = byteRow(v2, v3);
    const c = byteRow(v4, v5);
    const d = byteRow(v6, v7);
    // biome-ignore format: one width a line
    switch (width) {
      case 1: return packRows(to, a, b, c, d, 1, fifteen, three, one);
      case 2: return packRows(to, a, b, c, d, 2, fifteen, three, one);
      case 3: return packRows(to, a, b, c, d, 3, fifteen, three, one);
      case 4: return packRows(to, a, b, c, d, 4, fifteen, three, one);
      case 5: return packRows(to, a, b, c, d, 5, fifteen, three, one);
      case 6: return packRows(to, a, b, c, d, 6, fifteen, three, one);
      case 7: return packRows(to, a, b, c, d, 7, fifteen, three, one);
    }
    return storeBytes(to, a, b, c, d);
  }
  const at = storeBytes(to, lowRow(v0, v1), lowRow(v2, v3), lowRow(v4, v5), lowRow(v6, v7));
  const e = highRow(v0, v1);
  const f = highRow(v2, v3);
  const g = highRow(v4, v5);
  const h = highRow(v6, v7);
  return width === 16 ? storeBytes(at, e, f, g, h) : packRows(at, e, f, g, h, width & 7, fifteen, three, one);
}

/** Packs 64 16-bit integers at `block`. Returns the address after the last byte. */
export function pack16(to: usize, block: usize, width: u32, scratch: usize): usize {
  return packVectors(
    to,
    width,
    v128.load(block),
    v128.load(block, 16),
    v128.load(block, 32),
    v128.load(block, 48),
    v128.load(block, 64),
    v128.load(block, 80),
    v128.load(block, 96),
    v128.load(block, 112),
    scratch,
  );
}

/** The width of the largest of 64 integers that are or-ed together in `all`. A width of 15 becomes 16. */
// @inline
function widthOf(all: v128): u32 {
  const two = i64x2.extract_lane(all, 0) | i64x2.extract_lane(all, 1);
  const one = (two | (two >>> 32)) as u32;
  const width = 32 - clz((one | (one >>> 16)) & 0xffff);
  return width + ((width === 15) as u32);
}

/** Packs blocks of 16-bit integers. Their widths go to `widths` from index `first` on, a nibble each. */
export function packBlocks(to: usize, widths: usize, first: usize, from: usize, blocks: usize, scratch: usize): usize {
  let at = to;
  for (let k: usize = 0; k < blocks; k++) {
    const block = from + (k << 7);
    const v0 = v128.load(block);
    const v1 = v128.load(block, 16);
    const v2 = v128.load(block, 32);
    const v3 = v128.load(block, 48);
    const v4 = v128.load(block, 64);
    const v5 = v128.load(block, 80);
    const v6 = v128.load(block, 96);
    const v7 = v128.load(block, 112);
    const low = v128.or(v128.or(v0, v1), v128.or(v2, v3));
    const width = widthOf(v128.or(low, v128.or(v128.or(v4, v5), v128.or(v6, v7))));
    putWidth(widths, first + k, width);
    at = packVectors(at, width, v0, v1, v2, v3, v4, v5, v6, v7, scratch);
  }
  return at;
}

// @inline
export function putWidth(widths: usize, b: usize, width: u32): void {
  const nibble = min<u32>(width, 15);
  const at = widths + (b >> 1);
  store<u8>(at, b & 1 ? (load<u8>(at) as u32) | (nibble << 4) : nibble);
}

// @inline
export function nibbleWidth(widths: usize, b: usize): u32 {
  const nibble = ((load<u8>(widths + (b >> 1)) as u32) >> (((b as u32) & 1) * 4)) & 15;
  return nibble + ((nibble === 15) as u32);
}

/** The inverse of packVectors, to 64 16-bit integers. */
// @inline
function unpackOne(to: usize, from: usize, width: u32, scratch: usize): void {
  const fifteen = opaque(0x0f0f0f0f, scratch);
  const three = opaque(0x03030303, scratch);
  const one = opaque(0x01010101, scratch);
  // biome-ignore format: one width a line
  switch (width) {
    case 0: {
      const zero = i8x16.splat(0);
      storeRows(to, INTEGERS, 0, zero, zero, zero, zero);
      return;
    }
    case 1: return unpackRows(to, from, 1, INTEGERS, 0, fifteen, three, one);
    case 2: return unpackRows(to, from, 2, INTEGERS, 0, fifteen, three, one);
    case 3: return unpackRows(to, from, 3, INTEGERS, 0, fifteen, three, one);
    case 4: return unpackRows(to, from, 4, INTEGERS, 0, fifteen, three, one);
    case 5: return unpackRows(to, from, 5, INTEGERS, 0, fifteen, three, one);
    case 6: return unpackRows(to, from, 6, INTEGERS, 0, fifteen, three, one);
    case 7: return unpackRows(to, from, 7, INTEGERS, 0, fifteen, three, one);
    case 8:
      storeRows(to, INTEGERS, 0, v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
      return;
  }
  const high = from + 64;
  if (width < 16) unpackRows(to, high, width & 7, HIGH, from, fifteen, three, one);
  else storeRows(to, HIGH, from, v128.load(high), v128.load(high, 16), v128.load(high, 32), v128.load(high, 48));
}

export function unpack16(block: usize, from: usize, width: u32, scratch: usize): void {
  unpackOne(block, from, width, scratch);
}

/** The inverse of packBlocks, with checked widths. Returns the address after the last byte read. */
export function unpackBlocks(to: usize, widths: usize, first: usize, from: usize, blocks: usize, scratch: usize): usize {
  let at = from;
  for (let k: usize = 0; k < blocks; k++) {
    const width = nibbleWidth(widths, first + k);
    unpackOne(to + (k << 7), at, width, scratch);
    at += width << 3;
  }
  return at;
}

/** Byte `index` of sixteen 32-bit integers, as one row. */
// @inline
function row32(block: usize, k: usize, index: i32): v128 {
  const at = block + k * 64;
  const byte = i32x4.splat(255);
  const shift = index << 3;
  const a = v128.and(i32x4.shr_u(v128.load(at), shift), byte);
  const b = v128.and(i32x4.shr_u(v128.load(at, 16), shift), byte);
  const c = v128.and(i32x4.shr_u(v128.load(at, 32), shift), byte);
  const d = v128.and(i32x4.shr_u(v128.load(at, 48), shift), byte);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d));
}

/** Packs 64 32-bit integers; width ≤ 32. */
export function pack32(to: usize, block: usize, width: u32, scratch: usize): usize {
  let at = to;
  let index = 0;
  for (; index < ((width >> 3) as i32); index++) {
    for (let k: usize = 0; k < 4; k++) v128.store(at + k * 16, row32(block, k, index));
    at += 64;
  }
  const rest = width & 7;
  if (rest === 0) return at;
  return packRows(
    at,
    row32(block, 0, index),
    row32(block, 1, index),
    row32(block, 2, index),
    row32(block, 3, index),
    rest,
    opaque(0x0f0f0f0f, scratch),
    opaque(0x03030303, scratch),
    opaque(0x01010101, scratch),
  );
}

/** The inverse of pack32; `rows` is 64 bytes of working space. */
export function unpack32(block: usize, from: usize, width: u32, rows: usize, scratch: usize): void {
  memory.fill(block, 0, 256);
  const whole = width >> 3;
  for (let index: u32 = 0; index < whole + 1; index++) {
    let source = from + index * 64;
    if (index === whole) {
      if ((width & 7) === 0) return;
      const fifteen = opaque(0x0f0f0f0f, scratch);
      const three = opaque(0x03030303, scratch);
      unpackRows(rows, source, width & 7, BYTES, 0, fifteen, three, opaque(0x01010101, scratch));
      source = rows;
    }
    for (let i: usize = 0; i < 64; i += 8) {
      const eight = v128.load64_zero(source + i);
      const words = i16x8.extend_low_i8x16_u(eight);
      const shift = (index << 3) as i32;
      const at = block + i * 4;
      v128.store(at, v128.or(v128.load(at), i32x4.shl(i32x4.extend_low_i16x8_u(words), shift)));
      v128.store(at, v128.or(v128.load(at, 16), i32x4.shl(i32x4.extend_high_i16x8_u(words), shift)), 16);
    }
  }
}

/** Packs fewer than 64 integers of 16 or 32 bits as a string of bits; returns its end. */
export function packTail(to: usize, block: usize, count: usize, width: u32, wide: bool): usize {
  let at = to;
  let held: u64 = 0;
  let bits: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    const value: u32 = wide ? load<u32>(block + i * 4) : (load<u16>(block + i * 2) as u32);
    held |= (value as u64) << (bits as u64);
    for (bits += width; bits >= 8; bits -= 8) {
      store<u8>(at++, held as u8);
      held >>= 8;
    }
  }
  if (bits > 0) store<u8>(at++, held as u8);
  return at;
}

export function unpackTail(block: usize, from: usize, count: usize, width: u32, wide: bool): void {
  const mask: u64 = ((1 as u64) << (width as u64)) - 1;
  let at = from;
  let held: u64 = 0;
  let bits: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    for (; bits < width; bits += 8) held |= (load<u8>(at++) as u64) << (bits as u64);
    const value = (held & mask) as u32;
    if (wide) store<u32>(block + i * 4, value);
    else store<u16>(block + i * 2, value as u16);
    held >>= width as u64;
    bits -= width;
  }
}
