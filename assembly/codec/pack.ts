// Blocks of 64 unsigned integers ↔ planes of 8, 4, 2 and 1 bits; src/codec/pack.ts draws them.
// A row is sixteen values, one byte of each: the bits of the plane at hand, lowest first.

@inline
function nibbles(row: v128): v128 {
  return v128.and(row, i8x16.splat(15));
}

/** The last planes: `bits` < 8 low bits of four rows. Returns the end. */
@inline
export function packRows(to: usize, row0: v128, row1: v128, row2: v128, row3: v128, bits: u32): usize {
  let at = to;
  let a = row0;
  let b = row1;
  let c = row2;
  let d = row3;
  if (bits & 4) {
    v128.store(at, v128.or(nibbles(a), i16x8.shl(nibbles(b), 4)));
    v128.store(at, v128.or(nibbles(c), i16x8.shl(nibbles(d), 4)), 16);
    at += 32;
    const low = i8x16.splat(15);
    a = v128.and(i16x8.shr_u(a, 4), low);
    b = v128.and(i16x8.shr_u(b, 4), low);
    c = v128.and(i16x8.shr_u(c, 4), low);
    d = v128.and(i16x8.shr_u(d, 4), low);
  }
  if (bits & 2) {
    const two = i8x16.splat(3);
    const low = v128.or(v128.and(a, two), i16x8.shl(v128.and(b, two), 2));
    const high = v128.or(v128.and(c, two), i16x8.shl(v128.and(d, two), 2));
    v128.store(at, v128.or(low, i16x8.shl(high, 4)));
    at += 16;
    const six = i8x16.splat(63);
    a = v128.and(i16x8.shr_u(a, 2), six);
    b = v128.and(i16x8.shr_u(b, 2), six);
    c = v128.and(i16x8.shr_u(c, 2), six);
    d = v128.and(i16x8.shr_u(d, 2), six);
  }
  if (bits & 1) {
    const one = i8x16.splat(1);
    const low = v128.or(v128.and(a, one), i16x8.shl(v128.and(b, one), 1));
    const high = v128.or(v128.and(c, one), i16x8.shl(v128.and(d, one), 1));
    const n = v128.or(low, i16x8.shl(high, 2));
    store<u64>(at, i64x2.extract_lane(n, 0) | (i64x2.extract_lane(n, 1) << 4));
    at += 8;
  }
  return at;
}

/** Four rows of bytes: to `to` as they are, or as 64 integers of 16 bits. */
@inline
function storeRows(to: usize, extended: bool, a: v128, b: v128, c: v128, d: v128): void {
  if (!extended) {
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
    return;
  }
  v128.store(to, i16x8.extend_low_i8x16_u(a));
  v128.store(to, i16x8.extend_high_i8x16_u(a), 16);
  v128.store(to, i16x8.extend_low_i8x16_u(b), 32);
  v128.store(to, i16x8.extend_high_i8x16_u(b), 48);
  v128.store(to, i16x8.extend_low_i8x16_u(c), 64);
  v128.store(to, i16x8.extend_high_i8x16_u(c), 80);
  v128.store(to, i16x8.extend_low_i8x16_u(d), 96);
  v128.store(to, i16x8.extend_high_i8x16_u(d), 112);
}

/** The inverse of packRows. */
@inline
function unpackRows(to: usize, from: usize, bits: u32, extended: bool): void {
  let at = from;
  let a = i8x16.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let shift = 0;
  if (bits & 4) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    a = nibbles(low);
    b = nibbles(i16x8.shr_u(low, 4));
    c = nibbles(high);
    d = nibbles(i16x8.shr_u(high, 4));
    at += 32;
    shift = 4;
  }
  if (bits & 2) {
    const two = i8x16.splat(3);
    const all = v128.load(at);
    a = v128.or(a, i16x8.shl(v128.and(all, two), shift));
    b = v128.or(b, i16x8.shl(v128.and(i16x8.shr_u(all, 2), two), shift));
    c = v128.or(c, i16x8.shl(v128.and(i16x8.shr_u(all, 4), two), shift));
    d = v128.or(d, i16x8.shl(v128.and(i16x8.shr_u(all, 6), two), shift));
    at += 16;
    shift += 2;
  }
  if (bits & 1) {
    const one = i8x16.splat(1);
    const word = load<u64>(at);
    const n = i64x2.replace_lane(i64x2.splat(word), 1, word >> 4);
    a = v128.or(a, i16x8.shl(v128.and(n, one), shift));
    b = v128.or(b, i16x8.shl(v128.and(i16x8.shr_u(n, 1), one), shift));
    c = v128.or(c, i16x8.shl(v128.and(i16x8.shr_u(n, 2), one), shift));
    d = v128.or(d, i16x8.shl(v128.and(i16x8.shr_u(n, 3), one), shift));
  }
  storeRows(to, extended, a, b, c, d);
}

/** One straight line of code for each width. */
function unpackNarrow(block: usize, from: usize, width: u32): void {
  if (width == 1) unpackRows(block, from, 1, true);
  else if (width == 2) unpackRows(block, from, 2, true);
  else if (width == 3) unpackRows(block, from, 3, true);
  else if (width == 4) unpackRows(block, from, 4, true);
  else if (width == 5) unpackRows(block, from, 5, true);
  else if (width == 6) unpackRows(block, from, 6, true);
  else if (width == 7) unpackRows(block, from, 7, true);
  else storeRows(block, true, v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
}

/** Sixteen 16-bit integers as one row of their low (shift 0) or high (shift 8) bytes. */
@inline
function row16(block: usize, k: usize, shift: i32): v128 {
  const low = i8x16.splat(-1);
  const mask = i16x8.shr_u(low, 8);
  const a = v128.and(i16x8.shr_u(v128.load(block + k * 32), shift), mask);
  const b = v128.and(i16x8.shr_u(v128.load(block + k * 32, 16), shift), mask);
  return i8x16.narrow_i16x8_u(a, b);
}

/** 64 16-bit integers at `block`; width ≤ 16. Returns the end of what was written. */
export function pack16(to: usize, block: usize, width: u32): usize {
  if (width == 0) return to;
  let a = row16(block, 0, 0);
  let b = row16(block, 1, 0);
  let c = row16(block, 2, 0);
  let d = row16(block, 3, 0);
  if (width < 8) return packRows(to, a, b, c, d, width);
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
  if (width == 8) return to + 64;
  a = row16(block, 0, 8);
  b = row16(block, 1, 8);
  c = row16(block, 2, 8);
  d = row16(block, 3, 8);
  if (width < 16) return packRows(to + 64, a, b, c, d, width & 7);
  v128.store(to, a, 64);
  v128.store(to, b, 80);
  v128.store(to, c, 96);
  v128.store(to, d, 112);
  return to + 128;
}

/** `rows`: 64 bytes of working space. */
export function unpack16(block: usize, from: usize, width: u32, rows: usize): void {
  if (width == 0) {
    memory.fill(block, 0, 128);
    return;
  }
  if (width <= 8) {
    unpackNarrow(block, from, width);
    return;
  }
  let high = from + 64;
  if (width < 16) {
    unpackRows(rows, high, width & 7, false);
    high = rows;
  }
  for (let k: usize = 0; k < 64; k += 16) {
    const l = v128.load(from + k);
    const h = v128.load(high + k);
    v128.store(block + k * 2, i8x16.shuffle(l, h, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(
      block + k * 2,
      i8x16.shuffle(l, h, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
      16,
    );
  }
}

/** Byte `index` of sixteen 32-bit integers. */
@inline
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

/** 64 32-bit integers; width ≤ 32. */
export function pack32(to: usize, block: usize, width: u32): usize {
  let at = to;
  let index = 0;
  for (; index < ((width >> 3) as i32); index++) {
    for (let k: usize = 0; k < 4; k++) v128.store(at + k * 16, row32(block, k, index));
    at += 64;
  }
  const rest = width & 7;
  if (rest == 0) return at;
  return packRows(
    at,
    row32(block, 0, index),
    row32(block, 1, index),
    row32(block, 2, index),
    row32(block, 3, index),
    rest,
  );
}

export function unpack32(block: usize, from: usize, width: u32, rows: usize): void {
  memory.fill(block, 0, 256);
  const whole = width >> 3;
  for (let index: u32 = 0; index < whole + 1; index++) {
    let source = from + index * 64;
    if (index == whole) {
      if ((width & 7) == 0) return;
      unpackRows(rows, source, width & 7, false);
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

/** Fewer than 64 integers, of 16 or 32 bits each: a string of bits. Returns its end. */
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
