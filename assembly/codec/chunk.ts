// Fast mode, chunk by chunk; src/codec/chunk.ts is the same in plain TypeScript, docs/format.md draws the bytes.
import { pack16, pack32, packTail, unpack16, unpack32, unpackTail } from "./pack";
import { predict, restore16, restore32, UNSIGNED } from "./predict";
import { dequantize16, dequantize32, LOSSLESS, orderBits, PAPER, quantizeChecked, quantizeNear, scan } from "./quantize";
import { BLOCK, ESCAPES, PACKED, POSITIONS, Q, STAGING, settings, TRIAL } from "./scratch";
import { gather, scatter, sparseBits } from "./sparse";

const CHUNK: usize = 16384;

/** Forms beyond predict's; the sparse one with folded integers, or one more without. */
const CONSTANT: u32 = 5;
const SPARSE: u32 = 6;

const WIDE: u32 = 8;
const EXACT: u32 = 16;
const HAS_ESCAPES: u32 = 32;
const GAPLESS: u32 = 64;

/** What decodeFast answers where the payload is damaged; src/codec/wasm.ts names the fields. */
const TRUNCATED: i32 = -1;
const BAD_KIND: i32 = -2;
const BAD_POSITION: i32 = -3;
const BAD_BITMAP: i32 = -4;
const BAD_WIDTH: i32 = -5;
const TRAILING: i32 = -6;

@inline
function integerAt(q: usize, i: usize, wide: bool): i32 {
  return wide ? load<i32>(q + i * 4) : (load<i16>(q + i * 2) as i32);
}

/** Of n integers from q on: the least, and whether all are 0 … 15 bits wide or all the same, as one word of flags. */
const ANY_NEGATIVE: u32 = 1;
const ANY_WIDE: u32 = 2;
const ANY_OTHER: u32 = 4;

function survey(q: usize, n: usize): u32 {
  const first = i32x4.splat(load<i32>(q));
  let negative = i32x4.splat(0);
  let wide = negative;
  let other = negative;
  let i: usize = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(q + i * 4);
    negative = v128.or(negative, v);
    // A 16-bit integer's upper seventeen bits are alike.
    wide = v128.or(wide, v128.xor(v, i32x4.shr_s(v, 31)));
    other = v128.or(other, v128.xor(v, first));
  }
  let flags: u32 = 0;
  if (i32x4.bitmask(negative)) flags |= ANY_NEGATIVE;
  if (v128.any_true(i32x4.shr_u(wide, 15))) flags |= ANY_WIDE;
  if (v128.any_true(other)) flags |= ANY_OTHER;
  for (; i < n; i++) {
    const v = load<i32>(q + i * 4);
    if (v < 0) flags |= ANY_NEGATIVE;
    if (v != ((v << 16) >> 16)) flags |= ANY_WIDE;
    if (v != load<i32>(q)) flags |= ANY_OTHER;
  }
  return flags;
}

/** 32-bit integers become 16-bit ones in place, with a block of zeros behind them. */
function narrow(q: usize, n: usize): void {
  for (let i: usize = 0; i < n; i += 8) {
    v128.store(q + i * 2, i16x8.narrow_i32x4_s(v128.load(q + i * 4), v128.load(q + i * 4, 16)));
  }
}

/** The plan of least cost over some eight blocks, SPARSE or one of `predict`'s. */
function choosePlan(q: usize, n: usize, lag: usize, wide: bool, none: u32, block: usize): u32 {
  const blocks = (n + 63) >> 6;
  const stride = max<usize>(1, blocks >> 3);
  const size: usize = wide ? 256 : 128;
  let costNone: u32 = 0;
  let cost1: u32 = 0;
  let cost2: u32 = 0;
  let cost3: u32 = 0;
  let sampled: u32 = 0;
  let some: u32 = 0;
  let bits: u32 = 0;
  for (let b = stride >> 1; b < blocks; b += stride) {
    const at = q + b * size;
    const count = min<usize>(64, n - b * 64);
    costNone += predict(block, at, 0, wide, none, count);
    cost1 += predict(block, at, 0, wide, 1, count);
    if (lag != 0) {
      cost2 += predict(block, at, lag, wide, 2, count);
      cost3 += predict(block, at, lag, wide, 3, count);
    }
    const set = sparseBits(at, count, wide, none == UNSIGNED);
    some += (set >>> 32) as u32;
    bits |= set as u32;
    sampled++;
  }
  let best = costNone << 6;
  let plan = none;
  if (cost1 << 6 < best) {
    best = cost1 << 6;
    plan = 1;
  }
  if (lag != 0 && cost2 << 6 < best) {
    best = cost2 << 6;
    plan = 2;
  }
  if (lag != 0 && cost3 << 6 < best) {
    best = cost3 << 6;
    plan = 3;
  }
  // Without their zeros the blocks mix, so the widest of all sampled integers counts.
  return (sampled << 6) + some * (32 - clz(bits)) < best ? SPARSE + (none == UNSIGNED ? 1 : 0) : plan;
}

/**
 * Closes the gap that `support` and `dithered` leave at 0 where next to no value is zero; see src/codec/chunk.ts.
 * Returns how many zeros it noted as escapes, or −1 where there is no gap to close.
 */
function closeGap(q: usize, x: usize, n: usize, wide: bool, scratch: usize): i32 {
  const limit = (n >> 8) as i32;
  let count = 0;
  if (wide) {
    for (let i: usize = 0; i < n; i++) if (load<i32>(q + i * 4) == 0) count++;
  } else {
    const zero = i16x8.splat(0);
    let i: usize = 0;
    for (; i + 8 <= n; i += 8) count += popcnt(i16x8.bitmask(i16x8.eq(v128.load(q + i * 2), zero)));
    for (; i < n; i++) if (load<i16>(q + i * 2) == 0) count++;
  }
  if (count > limit) return -1;
  let found: usize = 0;
  for (let i: usize = 0; found < (count as usize); i++) {
    if (integerAt(q, i, wide) != 0) continue;
    store<u16>(scratch + POSITIONS + found * 2, i as u16);
    store<u32>(scratch + ESCAPES + found * 4, load<u32>(x + i * 4));
    found++;
  }
  const zero = i32x4.splat(0);
  if (wide) {
    for (let i: usize = 0; i < n; i += 4) {
      const v = v128.load(q + i * 4);
      v128.store(q + i * 4, i32x4.add(v, i32x4.gt_s(v, zero)));
    }
  } else {
    for (let i: usize = 0; i < n; i += 8) {
      const v = v128.load(q + i * 2);
      v128.store(q + i * 2, i16x8.add(v, i16x8.gt_s(v, zero)));
    }
  }
  return count;
}

/** Writes widths and blocks of `count` integers, predicted by `plan` or taken as they are. Returns the end. */
function writeBlocks(to: usize, from: usize, count: usize, lag: usize, wide: bool, plan: u32, scratch: usize): usize {
  const block = scratch + BLOCK;
  const blocks = (count + 63) >> 6;
  let at = to + (wide ? blocks : (blocks + 1) >> 1);
  for (let b: usize = 0; b < blocks; b++) {
    const rest = min<usize>(64, count - b * 64);
    if (wide) {
      const width = predict(block, from + b * 256, lag, true, plan, rest);
      store<u8>(to + b, width);
      at = rest < 64 ? packTail(at, block, rest, width, true) : pack32(at, block, width);
    } else {
      let width = predict(block, from + b * 128, lag, false, plan, rest);
      // A narrow width is a nibble, and 15 of them means 16.
      if (width >= 15) width = 16;
      const nibble = min<u32>(width, 15);
      if (b & 1) store<u8>(to + (b >> 1), load<u8>(to + (b >> 1)) | (nibble << 4));
      else store<u8>(to + (b >> 1), nibble);
      at = rest < 64 ? packTail(at, block, rest, width, false) : pack16(at, block, width);
    }
  }
  return at;
}

/** A chunk of n values to `to`, where room for the worst case must be. Returns the bytes written. */
function encodeChunk(to: usize, x: usize, n: usize, first: u32, scratch: usize): usize {
  const s = settings(scratch);
  const q = scratch + Q;
  const whole = n & ~63;
  const tail = scratch + BLOCK;
  if (whole < n) {
    memory.fill(tail, 0, 256);
    memory.copy(tail, x + whole * 4, (n - whole) * 4);
  }
  const padded = (n + 63) & ~63;
  let escapes = 0;
  let wide = true;
  let flags: u32 = 0;
  let exact = s.quantizer == LOSSLESS;
  let near = false;
  if (!exact) {
    let most = scan(x, whole);
    if (whole < n) most = max(most, scan(tail, 64));
    near = most <= s.near;
    if (near) {
      wide = false;
      let range = whole > 0 ? quantizeNear(x, whole, q, first, scratch) : 0;
      let least = ((range << 16) as i32) >> 16;
      let largest = (range as i32) >> 16;
      if (whole < n) {
        quantizeNear(tail, 64, q + whole * 2, first + (whole as u32), scratch);
        if (whole == 0) least = largest = integerAt(q, 0, false);
        for (let i = whole; i < n; i++) {
          least = min(least, integerAt(q, i, false));
          largest = max(largest, integerAt(q, i, false));
        }
      }
      if (least < 0) flags |= ANY_NEGATIVE;
      if (least != largest) flags |= ANY_OTHER;
    } else {
      const limit = (n >> 4) as u32;
      escapes = quantizeChecked(x, whole, 0, 0, limit, scratch, first);
      if (whole < n && escapes >= 0) {
        escapes = quantizeChecked(tail, 64, whole, escapes as u32, limit, scratch, first);
      }
      exact = escapes < 0;
    }
  }
  if (exact) {
    escapes = 0;
    orderBits(q, x, whole);
    if (whole < n) orderBits(q + whole * 4, tail, 64);
  }
  if (!near) {
    flags = survey(q, n);
    wide = exact || (flags & ANY_WIDE) != 0;
    if (!wide) narrow(q, padded);
  }

  const constant = (flags & ANY_OTHER) == 0;
  const lag = (s.lag as usize) * (wide ? 4 : 2);
  const none: u32 = flags & ANY_NEGATIVE ? 0 : UNSIGNED;
  let gapless = false;
  if (!constant && !exact && escapes == 0 && flags & ANY_NEGATIVE && s.quantizer != PAPER) {
    const zeros = closeGap(q, x, n, wide, scratch);
    gapless = zeros >= 0;
    if (gapless) escapes = zeros;
  }
  const form = constant ? CONSTANT : choosePlan(q, n, lag, wide, none, scratch + BLOCK);
  let kind = form | (wide ? WIDE : 0) | (exact ? EXACT : 0);
  kind |= (escapes > 0 ? HAS_ESCAPES : 0) | (gapless ? GAPLESS : 0);
  store<u8>(to, kind);
  let at = to + 1;
  if (escapes > 0) {
    const count = escapes as usize;
    store<u16>(at, escapes as u16);
    memory.copy(at + 2, scratch + POSITIONS, count * 2);
    memory.copy(at + 2 + count * 2, scratch + ESCAPES, count * 4);
    at += 2 + count * 6;
  }
  if (constant) {
    store<i32>(at, integerAt(q, 0, wide));
    return at + 4 - to;
  }
  if (form < SPARSE) return writeBlocks(at, q, n, lag, wide, form, scratch) - to;
  const count = gather(at, n, wide, none == UNSIGNED, scratch);
  at += (n + 7) >> 3;
  return writeBlocks(at, scratch + PACKED, count, 0, wide, UNSIGNED, scratch) - to;
}

/** The most bytes that n values can take. */
function chunkCapacity(n: usize): usize {
  return 32 + 6 * (n >> 4) + (n >> 3) + 257 * ((n + 63) >> 6);
}

/** The bytes that up to 4096 values would take. */
export function trialFast(scratch: usize, x: usize, n: usize, first: u32): usize {
  return encodeChunk(scratch + TRIAL, x, n, first, scratch);
}

/** n values as chunks. `first`: the number of the first. Returns the bytes written, −1 if they do not fit. */
export function encodeFast(scratch: usize, x: usize, n: usize, first: u32, out: usize, capacity: usize): i32 {
  let to = out;
  for (let i: usize = 0; i < n; i += CHUNK) {
    const length = min<usize>(CHUNK, n - i);
    const room = out + capacity - to;
    if (room >= chunkCapacity(length)) {
      to += encodeChunk(to, x + i * 4, length, first + (i as u32), scratch);
      continue;
    }
    const bytes = encodeChunk(scratch + STAGING, x + i * 4, length, first + (i as u32), scratch);
    if (bytes > room) return -1;
    memory.copy(to, scratch + STAGING, bytes);
    to += bytes;
  }
  return (to - out) as i32;
}

/** How many bits of a bitmap are set; −1 where one stands behind the last value. */
function countBits(bitmap: usize, n: usize): i32 {
  let count = 0;
  const bytes = (n + 7) >> 3;
  for (let i: usize = 0; i < bytes; i++) count += popcnt(load<u8>(bitmap + i) as i32);
  const behind = (bytes as u32) * 8 - (n as u32);
  return (load<u8>(bitmap + bytes - 1) as u32) >> (8 - behind) && behind ? -1 : count;
}

/** The bytes of `count` integers whose blocks' widths are given; −1 where a width is beyond 32. */
function blocksBytes(widths: usize, count: usize, wide: bool): i32 {
  let sum: u32 = 0;
  for (let b: usize = 0; b << 6 < count; b++) {
    const width = widthAt(widths, b, wide);
    if (width > 32) return -1;
    sum += bytesOf(width, count - b * 64);
  }
  return sum as i32;
}

@inline
function bytesOf(width: u32, count: usize): u32 {
  return (width * (min<usize>(64, count) as u32) + 7) >> 3;
}

@inline
function widthAt(widths: usize, b: usize, wide: bool): u32 {
  if (wide) return load<u8>(widths + b) as u32;
  const nibble = ((load<u8>(widths + (b >> 1)) as u32) >> (((b as u32) & 1) * 4)) & 15;
  return nibble == 15 ? 16 : nibble;
}

/** 64 integers at `at`, or as many of them as are left, become values. */
@inline
function emit(
  x: usize,
  at: usize,
  b: usize,
  n: usize,
  wide: bool,
  exact: bool,
  gapless: bool,
  first: u32,
  scratch: usize,
): void {
  const ragged = n - b * 64 < 64;
  const to = ragged ? scratch + STAGING : x + b * 256;
  if (exact) orderBits(to, at, 64);
  else if (wide) dequantize32(to, at, gapless, first + (b as u32) * 64, scratch);
  else dequantize16(to, at, 64, gapless, first + (b as u32) * 64, scratch);
  if (ragged) memory.copy(x + b * 256, to, (n - b * 64) * 4);
}

/** Fills n values from `from`, where `available` bytes are. Returns the bytes read, or what is wrong. */
function decodeChunk(x: usize, n: usize, from: usize, available: usize, first: u32, scratch: usize): i32 {
  const s = settings(scratch);
  const q = scratch + Q;
  if (available < 1) return TRUNCATED;
  const kind = load<u8>(from) as u32;
  const form = kind & 7;
  const sparse = form >= SPARSE;
  const unsigned = form == UNSIGNED || form == SPARSE + 1;
  const constant = form == CONSTANT;
  const wide = (kind & WIDE) != 0;
  const exact = (kind & EXACT) != 0;
  const gapless = (kind & GAPLESS) != 0;
  const lag = (s.lag as usize) * (wide ? 4 : 2);
  if (kind > 127) return BAD_KIND;
  if ((form == 2 || form == 3) && lag == 0) return BAD_KIND;
  if (exact && (!wide || kind & (HAS_ESCAPES | GAPLESS))) return BAD_KIND;
  if (!exact && s.quantizer == LOSSLESS) return BAD_KIND;

  const end = from + available;
  let at = from + 1;
  let escapes: usize = 0;
  const positions = at + 2;
  if (kind & HAS_ESCAPES) {
    if (end - at < 2) return TRUNCATED;
    escapes = load<u16>(at) as usize;
    if (end - positions < escapes * 6) return TRUNCATED;
    for (let k: usize = 0; k < escapes; k++) if ((load<u16>(positions + k * 2) as usize) >= n) return BAD_POSITION;
    at = positions + escapes * 6;
  }
  const blocks = (n + 63) >> 6;
  if (constant) {
    if (end - at < 4) return TRUNCATED;
    const value = load<i32>(at);
    at += 4;
    const v = i32x4.splat(value);
    for (let i: usize = 0; i < 256; i += 16) v128.store(q + i, v);
    for (let b: usize = 0; b < blocks; b++) emit(x, q, b, n, true, exact, gapless, first, scratch);
  } else {
    const bitmap = at;
    let count = n;
    if (sparse) {
      if (end - at < (n + 7) >> 3) return TRUNCATED;
      const set = countBits(bitmap, n);
      if (set < 0) return BAD_BITMAP;
      count = set as usize;
      at += (n + 7) >> 3;
    }
    const widths = at;
    const packedBlocks = (count + 63) >> 6;
    const widthBytes = wide ? packedBlocks : (packedBlocks + 1) >> 1;
    if (end - at < widthBytes) return TRUNCATED;
    const bytes = blocksBytes(widths, count, wide);
    if (bytes < 0) return BAD_WIDTH;
    at += widthBytes;
    if (end - at < (bytes as usize)) return TRUNCATED;
    const block = scratch + BLOCK;
    const size: usize = wide ? 256 : 128;
    let carry = i32x4.splat(0);
    for (let b: usize = 0; b < packedBlocks; b++) {
      const width = widthAt(widths, b, wide);
      const to = sparse ? scratch + PACKED + size * b : block;
      const rest = count - b * 64;
      if (rest < 64) unpackTail(to, at, rest, width, wide);
      else if (wide) unpack32(to, at, width, scratch + STAGING);
      else unpack16(to, at, width, scratch + STAGING);
      at += bytesOf(width, rest);
      if (sparse) continue;
      const here = q + size * b;
      carry = wide ? restore32(here, block, lag, form, carry) : restore16(here, block, lag, form, carry);
      emit(x, here, b, n, wide, exact, gapless, first, scratch);
    }
    if (sparse) {
      scatter(bitmap, n, wide, unsigned, scratch);
      for (let b: usize = 0; b < blocks; b++) emit(x, q + size * b, b, n, wide, exact, gapless, first, scratch);
    }
  }
  for (let k: usize = 0; k < escapes; k++) {
    const i = load<u16>(positions + k * 2) as usize;
    store<u32>(x + i * 4, load<u32>(positions + escapes * 2 + k * 4));
  }
  return (at - from) as i32;
}

/** The inverse of encodeFast. Returns 0, or what is wrong. Reads no byte outside the payload, writes n values at most. */
export function decodeFast(scratch: usize, payload: usize, bytes: usize, x: usize, n: usize, first: u32): i32 {
  let at = payload;
  for (let i: usize = 0; i < n; i += CHUNK) {
    const length = min<usize>(CHUNK, n - i);
    const read = decodeChunk(x + i * 4, length, at, payload + bytes - at, first + (i as u32), scratch);
    if (read < 0) return read;
    at += read;
  }
  return at == payload + bytes ? 0 : TRAILING;
}
