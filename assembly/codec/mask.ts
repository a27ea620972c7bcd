// Writes masks: where the holes of a chunk or a segment are, and their words. src/codec/stages/mask.ts defines the bytes,
// and unmask.ts reads them. Holes are the ones in a string of bits, with zeros up to the end of its last 8 bytes.
import { MASK_PLAN } from "./scratch";

export const BITMAP: u32 = 0;
export const RUNS: u32 = 1;
export const EDGES: u32 = 2;
export const LARGEST_PALETTE: u32 = 16;

/** What a mask will consist of; its palette follows in memory. */
@unmanaged
class MaskPlan {
  kind: u32;
  /** Words in the palette; 0 for repeats. */
  palette: u32;
  /** Runs that were met, and those that are written. */
  runs: u32;
  written: u32;
  repeats: u32;
  holes: u32;
  /** The bits whose runs are written. */
  bits: usize;
}

function planOf(scratch: usize): MaskPlan {
  return changetype<MaskPlan>(scratch + MASK_PLAN);
}

// @inline
function paletteOf(scratch: usize): usize {
  return scratch + MASK_PLAN + 32;
}

/** True if bit i is one. */
// @inline
export function isOne(bits: usize, i: usize): bool {
  return (((load<u8>(bits + (i >> 3)) as u32) >> ((i & 7) as u32)) & 1) !== 0;
}

/** The number of ones in n bits. */
export function countOnes(bits: usize, n: usize): u32 {
  let count: u32 = 0;
  for (let at: usize = 0; at < n; at += 64) count += popcnt(load<u64>(bits + (at >> 3))) as u32;
  return count;
}

/** Flips bit i. */
// @inline
export function flip(bits: usize, i: usize): void {
  const at = bits + (i >> 3);
  store<u8>(at, load<u8>(at) ^ ((1 as u8) << ((i & 7) as u8)));
}

// @inline
export function varintBytes(value: u32): usize {
  return value < 128 ? 1 : value < 16384 ? 2 : 3;
}

export function putVarint(to: usize, value: u32): usize {
  let at = to;
  let rest = value;
  for (; rest >= 128; rest >>= 7) store<u8>(at++, rest | 128);
  store<u8>(at++, rest);
  return at;
}

/** Bits of an index into a palette. */
// @inline
export function indexBits(size: u32): u32 {
  return 32 - clz(size - 1);
}

/**
 * Writes the runs of ones among n bits to `to`, without their number, which is stored in the plan. Returns the end. With
 * `write` false, nothing is written.
 */
function putRuns(to: usize, bits: usize, n: usize, write: bool, plan: MaskPlan): usize {
  let at = to;
  let runs: u32 = 0;
  let end: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    if (!isOne(bits, i)) continue;
    const start = i;
    while (i + 1 < n && isOne(bits, i + 1)) i++;
    const longer = i > start;
    const mark = ((start - end) << 1) | (longer as usize);
    const rest = i - start - 1;
    end = i + 1;
    runs++;
    if (write) {
      at = putVarint(at, mark as u32);
      if (longer) at = putVarint(at, rest as u32);
    } else at += varintBytes(mark as u32) + (longer ? varintBytes(rest as u32) : 0);
  }
  plan.runs = runs;
  return at;
}

/** The index of a word in the palette of `size` words; `size` if it is not there. */
// @inline
function indexOf(word: u32, palette: usize, size: u32): u32 {
  let k: u32 = 0;
  while (k < size && load<u32>(palette + (k << 2)) !== word) k++;
  return k;
}

/**
 * Plans how the words of the holes are written; x is the address of the value of bit 0. Returns their bytes, or −1 if there
 * are too many different ones.
 */
function planWords(plan: MaskPlan, bitmap: usize, n: usize, x: usize, mostRepeats: u32, scratch: usize): i32 {
  const palette = paletteOf(scratch);
  let size: u32 = 0;
  let repeats: u32 = 0;
  let repeatBytes: usize = 0;
  let last: u32 = 0;
  let count: u32 = 0;
  for (let i: usize = 0; i < n; i++) {
    if (!isOne(bitmap, i)) continue;
    const word = load<u32>(x + (i << 2));
    if (count > 0 && word === last) {
      count++;
      continue;
    }
    if (count > 0) repeatBytes += 4 + varintBytes(count - 1);
    repeats++;
    last = word;
    count = 1;
    if (size <= LARGEST_PALETTE && indexOf(word, palette, size) === size) {
      if (size < LARGEST_PALETTE) store<u32>(palette + (size << 2), word);
      size++;
    }
    if (size > LARGEST_PALETTE && repeats > mostRepeats) return -1;
  }
  if (count > 0) repeatBytes += 4 + varintBytes(count - 1);
  repeatBytes += varintBytes(repeats);
  const small = size <= LARGEST_PALETTE && size << 2 <= plan.holes;
  const few = repeats <= mostRepeats;
  if (!small && !few) return -1;
  const paletteBytes = (size << 2) + ((indexBits(size) * plan.holes + 7) >> 3);
  const indexed = small && (!few || paletteBytes <= (repeatBytes as u32));
  plan.palette = indexed ? size : 0;
  plan.repeats = repeats;
  return indexed ? (paletteBytes as i32) : (repeatBytes as i32);
}

/**
 * Plans the mask of n values. `edges` is room for a second string of bits. Returns the mask's bytes, or −1 if the holes have
 * too many different words for a mask.
 */
export function planMask(bitmap: usize, n: usize, x: usize, lag: usize, mostRepeats: u32, edges: usize, scratch: usize): i32 {
  const plan = planOf(scratch);
  plan.holes = countOnes(bitmap, n);
  const words = planWords(plan, bitmap, n, x, mostRepeats, scratch);
  if (words < 0) return -1;
  plan.kind = BITMAP;
  plan.bits = bitmap;
  let least = (n + 7) >> 3;
  for (let kind = RUNS; kind <= (lag > 0 ? EDGES : RUNS); kind++) {
    const bits = kind === RUNS ? bitmap : edges;
    if (kind === EDGES) {
      memory.copy(edges, bitmap, ((n + 63) >> 6) << 3);
      for (let i = lag; i < n; i++) if (isOne(bitmap, i - lag)) flip(edges, i);
    }
    const runBytes = putRuns(0, bits, n, false, plan);
    const bytes = runBytes + varintBytes(plan.runs);
    if (bytes >= least) continue;
    plan.kind = kind;
    plan.bits = bits;
    plan.written = plan.runs;
    least = bytes;
  }
  return (least as i32) + words + 1;
}

/** Writes the words of the holes as repeats. Returns the end. */
function writeRepeats(to: usize, plan: MaskPlan, bitmap: usize, n: usize, x: usize): usize {
  let at = putVarint(to, plan.repeats);
  let count: u32 = 0;
  let last: u32 = 0;
  for (let i: usize = 0; i <= n; i++) {
    if (i < n && !isOne(bitmap, i)) continue;
    const word = i < n ? load<u32>(x + (i << 2)) : ~last;
    if (count > 0 && word !== last) {
      at = putVarint(at, count - 1);
      store<u32>(at, last);
      at += 4;
      count = 0;
    }
    last = word;
    count++;
  }
  return at;
}

/** Writes the planned mask, whose bytes `planMask` returned. Returns its end. */
export function writeMask(to: usize, bitmap: usize, n: usize, x: usize, scratch: usize): usize {
  const plan = planOf(scratch);
  store<u8>(to, plan.kind | (plan.palette << 2));
  let at = to + 1;
  if (plan.kind === BITMAP) {
    memory.copy(at, bitmap, (n + 7) >> 3);
    at += (n + 7) >> 3;
  } else at = putRuns(putVarint(at, plan.written), plan.bits, n, true, plan);
  const size = plan.palette;
  if (size === 0) return writeRepeats(at, plan, bitmap, n, x);
  const palette = paletteOf(scratch);
  memory.copy(at, palette, size << 2);
  at += size << 2;
  const bits = indexBits(size);
  if (bits === 0) return at;
  let held: u32 = 0;
  let count: u32 = 0;
  for (let i: usize = 0; i < n; i++) {
    if (!isOne(bitmap, i)) continue;
    held |= indexOf(load<u32>(x + (i << 2)), palette, size) << count;
    for (count += bits; count >= 8; count -= 8) {
      store<u8>(at++, held);
      held >>= 8;
    }
  }
  if (count > 0) store<u8>(at++, held);
  return at;
}
