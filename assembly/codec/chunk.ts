// Fast mode, chunk by chunk. src/codec/fast/chunk.ts is the same in TypeScript; docs/format.md describes the
// bytes.
import { blocksBytes, GROUPED, readBlocks, writeBlocks } from "./blocks";
import { quantizeNarrow, quantizeWide, TOO_WIDE } from "./checked";
import { dequantize16, dequantize32, dequantizeTwins, orderBits, placeRaw, rectify } from "./dequantize";
import { chooseBridged, clearHoles, fillHoles, foldBridged, quantizeHoles, restoreBridged } from "./holes";
import { planMask, writeMask } from "./mask";
import { restore16, restore32, UNSIGNED } from "./predict";
import { LOSSLESS, PAPER, quantizeNear, SIGNED } from "./quantize";
import { BLOCK, ESCAPES, GROUP, HOLE_EDGES, HOLES, PACKED, POSITIONS, Q, STAGING, settings, TRIAL } from "./scratch";
import { gather, scatter } from "./sparse";
import { ANY_NEGATIVE, ANY_OTHER, ANY_WIDE, CONSTANT, chooseForm, closeGap, integerAt, narrow, SPARSE, survey } from "./survey";
import { holesRead, placeHoles, readMask } from "./unmask";

const CHUNK: usize = 16384;
const WIDE: u32 = 8;
const EXACT: u32 = 16;
const HAS_ESCAPES: u32 = 32;
const GAPLESS: u32 = 64;
const MASK: u32 = 128;
/** A chunk has a mask in place of a list of escapes if more than one value in this many escapes. */
const LEAST_HOLES: usize = 256;

/** The return values of decodeFast for a damaged payload; src/codec/wasm/results.ts names the fields. */
const TRUNCATED: i32 = -1;
const BAD_KIND: i32 = -2;
const BAD_POSITION: i32 = -3;
const BAD_BITMAP: i32 = -4;
const BAD_WIDTH: i32 = -5;

/**
 * Writes the 16-bit integers of n values to Q. The values after the last whole block are also at `tail`,
 * padded with zeros. Returns the number of escapes, −1 for too many, or TOO_WIDE if some integer does not
 * fit. Stores the `range` of the whole blocks.
 */
function narrowIntegers(x: usize, tail: usize, n: usize, first: u32, scratch: usize): i32 {
  const s = settings(scratch);
  const q = scratch + Q;
  const whole = n & ~63;
  const behind = first + (whole as u32);
  if (whole === n || quantizeNear(tail, 64, q + whole * 2, behind, scratch)) {
    if (quantizeNear(x, whole, q, first, scratch)) return 0;
  }
  const limit = (n >> 4) as u32;
  const escapes = quantizeNarrow(x, whole, 0, 0, limit, scratch, first);
  const range = s.range;
  if (whole === n || escapes < 0) return escapes;
  const all = quantizeNarrow(tail, 64, whole, escapes as u32, limit, scratch, first);
  s.range = range;
  return all;
}

/** narrowIntegers with 32-bit integers. */
function wideIntegers(x: usize, tail: usize, n: usize, first: u32, scratch: usize): i32 {
  const limit = (n >> 4) as u32;
  const whole = n & ~63;
  const escapes = quantizeWide(x, whole, 0, 0, limit, scratch, first);
  if (whole === n || escapes < 0) return escapes;
  return quantizeWide(tail, 64, whole, escapes as u32, limit, scratch, first);
}

/**
 * Plans a mask and writes the 32-bit integers of n values to Q, with holes filled. False if the holes have too many
 * different words; the integers are then undefined.
 */
function maskIntegers(x: usize, tail: usize, n: usize, first: u32, scratch: usize): bool {
  const whole = n & ~63;
  quantizeHoles(x, whole, 0, scratch, first);
  if (whole < n) quantizeHoles(tail, 64, whole, scratch, first);
  const lag = settings(scratch).lag as usize;
  if (planMask(scratch + HOLES, n, x, lag, (n >> 4) as u32, scratch + HOLE_EDGES, scratch) < 0) return false;
  fillHoles(n, scratch);
  return true;
}

/** The survey flags, from the range of the whole blocks and the integers after them. */
function flagsOf(range: u32, q: usize, n: usize): u32 {
  let least = n >= 64 ? ((range << 16) as i32) >> 16 : integerAt(q, 0, false);
  let largest = n >= 64 ? (range as i32) >> 16 : least;
  for (let i = n & ~63; i < n; i++) {
    least = min(least, integerAt(q, i, false));
    largest = max(largest, integerAt(q, i, false));
  }
  return (least < 0 ? ANY_NEGATIVE : 0) | (least !== largest ? ANY_OTHER : 0);
}

/**
 * Encodes a chunk of n values to `to`, where there must be room for the worst case. Returns the bytes
 * written.
 */
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
  let exact = s.quantizer === LOSSLESS;
  let escapes = exact ? -1 : narrowIntegers(x, tail, n, first, scratch);
  let wide = escapes === TOO_WIDE;
  if (wide) escapes = wideIntegers(x, tail, n, first, scratch);
  let masked = false;
  if (!exact && (escapes < 0 || (escapes as usize) * LEAST_HOLES > n)) {
    masked = maskIntegers(x, tail, n, first, scratch);
    wide = masked;
    escapes = masked ? 0 : -1;
  }
  if (escapes < 0) {
    // If many different values have to stay raw, coding the bits themselves is cheaper.
    exact = wide = true;
    escapes = 0;
    orderBits(q, x, whole);
    if (whole < n) orderBits(q + whole * 4, tail, 64);
  }
  let flags: u32;
  if (wide) {
    flags = survey(q, n);
    wide = exact || (flags & ANY_WIDE) !== 0;
    if (!wide) narrow(q, padded);
  } else flags = flagsOf(s.range, q, n);

  const constant = (flags & ANY_OTHER) === 0;
  const lag = (s.lag as usize) * (wide ? 4 : 2);
  const none: u32 = flags & ANY_NEGATIVE ? 0 : UNSIGNED;
  let gapless = false;
  if (!constant && !exact && !masked && escapes === 0 && flags & ANY_NEGATIVE && s.quantizer !== PAPER) {
    const zeros = closeGap(q, x, n, wide, scratch);
    gapless = zeros >= 0;
    if (gapless) escapes = zeros;
  }
  let form = CONSTANT;
  if (masked && !constant) form = chooseBridged(n, s.lag as usize, wide, none, scratch);
  else if (!constant) form = chooseForm(q, n, lag, wide, none, scratch + BLOCK);
  let kind = form | (wide ? WIDE : 0) | (exact ? EXACT : 0);
  kind |= (escapes > 0 ? HAS_ESCAPES : 0) | (gapless ? GAPLESS : 0) | (masked ? MASK : 0);
  store<u8>(to, kind);
  let at = to + 1;
  if (escapes > 0) {
    const count = escapes as usize;
    store<u16>(at, escapes as u16);
    memory.copy(at + 2, scratch + POSITIONS, count * 2);
    memory.copy(at + 2 + count * 2, scratch + ESCAPES, count * 4);
    at += 2 + count * 6;
  }
  if (masked) {
    s.masked = 1;
    at = writeMask(at, scratch + HOLES, n, x, scratch);
  }
  if (constant) {
    store<i32>(at, integerAt(q, 0, wide));
    return at + 4 - to;
  }
  if (masked) {
    if (form < SPARSE) {
      const count = foldBridged(n, s.lag as usize, wide, form, scratch);
      return writeBlocks(at, scratch + PACKED, count, 0, wide, UNSIGNED, scratch) - to;
    }
    clearHoles(n, wide, scratch);
  }
  if (form < SPARSE) return writeBlocks(at, q, n, lag, wide, form, scratch) - to;
  const count = gather(at, n, wide, none === UNSIGNED, scratch);
  at += (n + 7) >> 3;
  return writeBlocks(at, scratch + PACKED, count, 0, wide, UNSIGNED, scratch) - to;
}

/** An upper limit on the bytes of n values. */
function chunkCapacity(n: usize): usize {
  return 32 + 6 * (n >> 4) + (n >> 3) + 257 * ((n + 63) >> 6);
}

/** The bytes that up to 4096 values take in fast mode. */
export function trialFast(scratch: usize, x: usize, n: usize, first: u32): usize {
  return encodeChunk(scratch + TRIAL, x, n, first, scratch);
}

/**
 * Encodes n values as chunks; `first` is the index of the first value. Returns the bytes written, or −1 if
 * they do not fit.
 */
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

/** The number of set bits in a bitmap of n values, or −1 if a bit after the last value is set. */
function countBits(bitmap: usize, n: usize): i32 {
  let count = 0;
  const bytes = (n + 7) >> 3;
  let i: usize = 0;
  for (; i + 8 <= bytes; i += 8) count += popcnt(load<u64>(bitmap + i)) as i32;
  for (; i < bytes; i++) count += popcnt(load<u8>(bitmap + i) as i32);
  const behind = (bytes as u32) * 8 - (n as u32);
  return (load<u8>(bitmap + bytes - 1) as u32) >> (8 - behind) && behind ? -1 : count;
}

/**
 * Turns `blocks` blocks of integers at `at`, starting with block b of the chunk, into values; also into
 * rectified values where the settings ask for a twin.
 */
function emit(
  x: usize,
  at: usize,
  b: usize,
  blocks: usize,
  n: usize,
  wide: bool,
  exact: bool,
  gapless: bool,
  first: u32,
  scratch: usize,
): void {
  const s = settings(scratch);
  if (s.twin !== 0 && s.quantizer === SIGNED && !wide && b + blocks <= n >> 6) {
    dequantizeTwins(x + b * 256, at, blocks << 6, gapless, first + (b as u32) * 64, scratch);
    return;
  }
  emitOnce(x, at, b, blocks, n, wide, exact, gapless, first, scratch);
  if (s.twin === 0) return;
  s.rectified = 1;
  emitOnce(x + s.twin, at, b, blocks, n, wide, exact, gapless, first, scratch);
  s.rectified = 0;
}

/**
 * One copy of the values. The last block of the chunk yields only as many values as the chunk of n has left.
 */
function emitOnce(
  x: usize,
  at: usize,
  b: usize,
  blocks: usize,
  n: usize,
  wide: bool,
  exact: bool,
  gapless: bool,
  first: u32,
  scratch: usize,
): void {
  const whole = min(blocks, (n >> 6) - b);
  const size: usize = wide ? 256 : 128;
  emitWhole(x + b * 256, at, whole, wide, exact, gapless, first + (b as u32) * 64, scratch);
  if (whole === blocks) return;
  const done = b + whole;
  emitWhole(scratch + STAGING, at + whole * size, 1, wide, exact, gapless, first + (done as u32) * 64, scratch);
  memory.copy(x + done * 256, scratch + STAGING, (n - done * 64) * 4);
}

function emitWhole(x: usize, at: usize, blocks: usize, wide: bool, exact: bool, gapless: bool, first: u32, scratch: usize): void {
  if (exact) {
    orderBits(x, at, blocks << 6);
    if (settings(scratch).rectified) rectify(x, blocks << 6);
  } else if (!wide) dequantize16(x, at, blocks << 6, gapless, first, scratch);
  else {
    for (let b: usize = 0; b < blocks; b++) {
      dequantize32(x + b * 256, at + b * 256, gapless, first + (b as u32) * 64, scratch);
    }
  }
}

/** Decodes n values from `from`, where `available` bytes lie. Returns the bytes read, or a negative error. */
function decodeChunk(x: usize, n: usize, from: usize, available: usize, first: u32, scratch: usize): i32 {
  const s = settings(scratch);
  const q = scratch + Q;
  if (available < 1) return TRUNCATED;
  const kind = load<u8>(from) as u32;
  const form = kind & 7;
  const sparse = form >= SPARSE;
  const unsigned = form === UNSIGNED || form === SPARSE + 1;
  const constant = form === CONSTANT;
  const wide = (kind & WIDE) !== 0;
  const exact = (kind & EXACT) !== 0;
  const gapless = (kind & GAPLESS) !== 0;
  const lag = (s.lag as usize) * (wide ? 4 : 2);
  const masked = (kind & MASK) !== 0;
  if (masked && (s.masks === 0 || kind & (EXACT | HAS_ESCAPES | GAPLESS))) return BAD_KIND;
  if ((form === 2 || form === 3) && lag === 0) return BAD_KIND;
  if (exact && (!wide || kind & (HAS_ESCAPES | GAPLESS))) return BAD_KIND;
  if (!exact && s.quantizer === LOSSLESS) return BAD_KIND;

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
  if (masked) {
    const read = readMask(at, end, scratch + HOLES, n, s.lag as usize, scratch);
    if (read < 0) return read;
    at += read;
  }
  const blocks = (n + 63) >> 6;
  if (constant) {
    if (end - at < 4) return TRUNCATED;
    const value = load<i32>(at);
    at += 4;
    const v = i32x4.splat(value);
    for (let i: usize = 0; i < 256; i += 16) v128.store(q + i, v);
    for (let b: usize = 0; b < blocks; b++) emit(x, q, b, 1, n, true, exact, gapless, first, scratch);
  } else {
    const bitmap = at;
    let count = n;
    if (sparse) {
      if (end - at < (n + 7) >> 3) return TRUNCATED;
      const set = countBits(bitmap, n);
      if (set < 0) return BAD_BITMAP;
      count = set as usize;
      at += (n + 7) >> 3;
    } else if (masked) count = n - (holesRead(scratch) as usize);
    const widths = at;
    const packedBlocks = (count + 63) >> 6;
    const widthBytes = wide ? packedBlocks : (packedBlocks + 1) >> 1;
    if (end - at < widthBytes) return TRUNCATED;
    const bytes = blocksBytes(widths, count, wide);
    if (bytes < 0) return BAD_WIDTH;
    at += widthBytes;
    if (end - at < (bytes as usize)) return TRUNCATED;
    const size: usize = wide ? 256 : 128;
    let carry = i32x4.splat(0);
    for (let b: usize = 0; b < packedBlocks; b += GROUPED) {
      const some = min(GROUPED, packedBlocks - b);
      const residuals = sparse || masked ? scratch + PACKED + size * b : scratch + GROUP;
      at = readBlocks(residuals, widths, b, some, at, count, wide, scratch);
      if (sparse || masked) continue;
      const here = unsigned ? residuals : q + size * b;
      if (!unsigned) {
        carry = wide
          ? restore32(here, residuals, some * size, lag, form, carry)
          : restore16(here, residuals, some * size, lag, form, carry);
      }
      emit(x, here, b, some, n, wide, exact, gapless, first, scratch);
    }
    if (masked && !sparse) {
      restoreBridged(n, s.lag as usize, wide, form, scratch);
      for (let b: usize = 0; b < blocks; b += GROUPED) {
        emit(x, q + size * b, b, min(GROUPED, blocks - b), n, wide, false, false, first, scratch);
      }
    }
    if (sparse) {
      let from = scratch + PACKED;
      for (let b: usize = 0; b < blocks; b += GROUPED) {
        const some = min(GROUPED, blocks - b);
        from = scatter(bitmap + b * 8, min(some << 6, n - (b << 6)), from, wide, unsigned, scratch);
        emit(x, scratch + GROUP, b, some, n, wide, exact, gapless, first, scratch);
      }
    }
  }
  for (let k: usize = 0; k < escapes; k++) {
    const i = load<u16>(positions + k * 2) as usize;
    placeRaw(x + i * 4, load<u32>(positions + escapes * 2 + k * 4), scratch);
  }
  if (masked) placeHoles(x, scratch + HOLES, n, scratch);
  return (at - from) as i32;
}

/**
 * The inverse of encodeFast. Returns the bytes read, or a negative error. It reads no byte outside the
 * payload and writes at most n values.
 */
export function decodeFast(scratch: usize, payload: usize, bytes: usize, x: usize, n: usize, first: u32): i32 {
  let at = payload;
  for (let i: usize = 0; i < n; i += CHUNK) {
    const length = min<usize>(CHUNK, n - i);
    const read = decodeChunk(x + i * 4, length, at, payload + bytes - at, first + (i as u32), scratch);
    if (read < 0) return read;
    at += read;
  }
  return (at - payload) as i32;
}
