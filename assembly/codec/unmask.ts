// Reads masks; the inverse of mask.ts. Every length and index is checked before it is used.
import { placeRaw } from "./dequantize";
import { BITMAP, countOnes, EDGES, flip, indexBits, isOne, LARGEST_PALETTE } from "./mask";
import { MASK_PLAN } from "./scratch";

const TRUNCATED: i32 = -1;
const BAD_MASK: i32 = -10;

/** Where the words of a mask lie. */
@unmanaged
class MaskWords {
  /** Words in the palette; 0 for repeats. */
  palette: u32;
  holes: u32;
  /** The palette, or the first repeat. */
  at: usize;
  end: usize;
}

function wordsOf(scratch: usize): MaskWords {
  return changetype<MaskWords>(scratch + MASK_PLAN);
}

/** Reads a varint of at most three bytes. The upper half of the result is its length; −1 if it is longer or the bytes end. */
export function takeVarint(at: usize, end: usize): i64 {
  let value: u32 = 0;
  for (let k: u32 = 0; k < 3; k++) {
    if (at + (k as usize) >= end) return -1;
    const byte = load<u8>(at + (k as usize)) as u32;
    value |= (byte & 127) << (7 * k);
    if (byte < 128) return (((k + 1) as i64) << 32) | (value as i64);
  }
  return -1;
}

/** Reads runs of ones into n bits that are zeros. Returns the bytes read or a negative error. */
function readRuns(from: usize, end: usize, bits: usize, n: usize): i32 {
  const count = takeVarint(from, end);
  if (count < 0) return TRUNCATED;
  let at = from + ((count >>> 32) as usize);
  let position: usize = 0;
  for (let k: u32 = 0; k < (count as u32); k++) {
    const mark = takeVarint(at, end);
    if (mark < 0) return TRUNCATED;
    at += (mark >>> 32) as usize;
    let length: usize = 1;
    if (mark & 1) {
      const more = takeVarint(at, end);
      if (more < 0) return TRUNCATED;
      at += (more >>> 32) as usize;
      length = (more as u32 as usize) + 2;
    }
    position += (mark as u32 as usize) >> 1;
    if (position + length > n) return BAD_MASK;
    for (let i = position; i < position + length; i++) flip(bits, i);
    position += length;
  }
  return (at - from) as i32;
}

/** Checks repeats of the words of `holes` holes. Returns their bytes or a negative error. */
function checkRepeats(from: usize, end: usize, holes: u32): i32 {
  const count = takeVarint(from, end);
  if (count < 0) return TRUNCATED;
  let at = from + ((count >>> 32) as usize);
  let sum: u32 = 0;
  for (let k: u32 = 0; k < (count as u32); k++) {
    const more = takeVarint(at, end);
    if (more < 0) return TRUNCATED;
    at += (more >>> 32) as usize;
    if (end - at < 4) return TRUNCATED;
    at += 4;
    sum += (more as u32) + 1;
    if (sum > holes) return BAD_MASK;
  }
  return sum === holes ? ((at - from) as i32) : BAD_MASK;
}

/** The index of hole k in a string of `bits` bits each. */
// @inline
function indexAt(indices: usize, k: u32, bits: u32, end: usize): u32 {
  const first = k * bits;
  const at = indices + ((first >> 3) as usize);
  const low = load<u8>(at) as u32;
  const high = at + 1 < end ? (load<u8>(at, 1) as u32) : 0;
  return ((low | (high << 8)) >> (first & 7)) & ((1 << bits) - 1);
}

/**
 * Reads the mask of n values to the string of bits at `bitmap`, which has room for n bits in whole words of 8 bytes. Returns
 * the bytes read or a negative error.
 */
export function readMask(from: usize, end: usize, bitmap: usize, n: usize, lag: usize, scratch: usize): i32 {
  const words = wordsOf(scratch);
  if (from >= end) return TRUNCATED;
  const kind = (load<u8>(from) as u32) & 3;
  words.palette = (load<u8>(from) as u32) >> 2;
  if (kind > EDGES || words.palette > LARGEST_PALETTE || (kind === EDGES && lag === 0)) return BAD_MASK;
  let at = from + 1;
  memory.fill(bitmap, 0, ((n + 63) >> 6) << 3);
  if (kind === BITMAP) {
    const bytes = (n + 7) >> 3;
    if (end - at < bytes) return TRUNCATED;
    memory.copy(bitmap, at, bytes);
    if (n & 7 && (load<u8>(bitmap + bytes - 1) as u32) >> ((n & 7) as u32)) return BAD_MASK;
    at += bytes;
  } else {
    const read = readRuns(at, end, bitmap, n);
    if (read < 0) return read;
    at += read;
    if (kind === EDGES) {
      for (let i = lag; i < n; i++) if (isOne(bitmap, i - lag)) flip(bitmap, i);
    }
  }
  const holes = countOnes(bitmap, n);
  words.holes = holes;
  words.at = at;
  if (words.palette === 0) {
    const read = checkRepeats(at, end, holes);
    if (read < 0) return read;
    words.end = at + read;
    return (words.end - from) as i32;
  }
  const bits = indexBits(words.palette);
  const indices = at + (words.palette << 2);
  words.end = indices + ((bits * holes + 7) >> 3);
  if (words.end > end) return TRUNCATED;
  for (let k: u32 = 0; k < holes && bits > 0; k++) {
    if (indexAt(indices, k, bits, words.end) >= words.palette) return BAD_MASK;
  }
  return (words.end - from) as i32;
}

/** The number of holes of the mask that was read last. */
export function holesRead(scratch: usize): u32 {
  return wordsOf(scratch).holes;
}

/** Writes the words of the mask that was read last to the holes among n values at x. */
export function placeHoles(x: usize, bitmap: usize, n: usize, scratch: usize): void {
  const words = wordsOf(scratch);
  const bits = indexBits(words.palette);
  const indices = words.at + (words.palette << 2);
  let at = words.at + ((takeVarint(words.at, words.end) >>> 32) as usize);
  let left: u32 = 0;
  let k: u32 = 0;
  let word: u32 = 0;
  for (let i: usize = 0; i < n; i++) {
    if (!isOne(bitmap, i)) continue;
    if (words.palette > 0) {
      const index = bits > 0 ? indexAt(indices, k++, bits, words.end) : 0;
      word = load<u32>(words.at + (index << 2));
    } else if (left-- === 0) {
      const more = takeVarint(at, words.end);
      at += (more >>> 32) as usize;
      left = more as u32;
      word = load<u32>(at);
      at += 4;
    }
    placeRaw(x + (i << 2), word, scratch);
  }
}
