/**
 * The codec's working memory of 512 KiB, at an address that the caller chooses. The only state between two
 * calls is the tables, which `initialize` writes, and the settings.
 *
 *        0  gather table   256 × 16 bytes: shuffles that move the lanes of the set bits down
 *     4096  scatter table  256 × 16 bytes: shuffles that move lanes up to the set bits
 *     8192  margin         zeros before the chunk: 4096 words
 *    24576  mode data      fast mode: see below; dense mode: see map.ts
 *   518400  raise table    256 × 16 bytes: shuffles that move the lanes of the unset bits up to the end
 *   522752  mixing         four vectors of constants
 *   522944  mask plan      of the mask that is written or read, and its palette
 *   523072  progress       of the rows of a segment that is encoded
 *   524032  settings       the class below
 *   524216  cell           one word
 *   524224  lanes          of the checksum
 *
 * Fast mode:
 *    24576  q              16,384 integers (16 or 32 bits), and slack of one block
 *    90624  packed         a sparse chunk's integers without zeros, same size
 *   156672  block          64 words
 *   156928  escapes        1024 words, then their positions
 *   163136  staging        an encoded chunk, if the target may be too small for the worst case
 *   237184  trial          a short encoded chunk of which only the length is used
 *   262144  group          sixteen blocks of integers (16 or 32 bits)
 *   266752  holes          a chunk's mask, one bit a value
 *   268928  edges          the bits of the mask that differ from those above
 */
export const GATHER: usize = 0;
export const SCATTER: usize = 4096;
export const MARGIN: usize = 8192;
export const Q: usize = 24576;
export const PACKED: usize = 90624;
export const BLOCK: usize = 156672;
export const ESCAPES: usize = 156928;
export const POSITIONS: usize = 161024;
export const STAGING: usize = 163136;
export const TRIAL: usize = 237184;
export const GROUP: usize = 262144;
export const HOLES: usize = 266752;
export const HOLE_EDGES: usize = 268928;
export const RAISE: usize = 518400;
export const MASK_PLAN: usize = 522944;
export const PROGRESS: usize = 523072;
const SETTINGS: usize = 524032;
/** The dither's constants as four vectors: two factors, a scale and an offset. */
export const MIXING: usize = 522752;
/** A word through which scalars pass into vectors; see `opaque`. */
const CELL: usize = 524216;

export class Settings {
  quantizer: u32;
  bound: f32;
  negativeBound: f32;
  step: f32;
  negativeStep: f32;
  inverse: f32;
  negativeInverse: f32;
  seed: u32;
  lag: u32;
  /** Integers up to this size need no check; −1 if all do. */
  near: i32;
  /** True if decoding sets values below zero to 0. */
  rectified: u32;
  /** If not rectified: distance in bytes from a value to its rectified copy; 0 for no copy. */
  twin: i32;
  /** The least and the largest integer of the last run, as low and high half. */
  range: u32;

  /** `step` and `inverse` for whole steps; dense mode may use half steps. */
  wholeStep: f32;
  wholeInverse: f32;

  // Dense mode's layout and model; src/codec/dense/layout.ts and model.ts describe them.
  length: u32;
  width: u32;
  rows: u32;
  height: u32;
  predictor: u32;
  low: u32;
  gapless: u32;
  area: u32;
  left: u32;

  // Masks.
  /** True if the frame that is decoded may have masks. */
  masks: u32;
  /** True if a mask was written since `configure`. */
  masked: u32;
  /** What dense mode does with raw values: LISTED, TALLIED or MASKED of lanes.ts. */
  raws: u32;
  /** True if the row that was quantised last has holes. */
  holes: u32;
  /** The index of the value of the mask's first bit. */
  maskFirst: u32;
  /** The raw word that was met last. */
  lastWord: u32;
}

/**
 * A vector with `value` in all lanes. V8 rebuilds a constant vector at every use, in every loop iteration; a
 * vector loaded from memory stays in a register.
 */
// @inline
export function opaque(value: i32, scratch: usize): v128 {
  store<i32>(scratch + CELL, value);
  return v128.load32_splat(scratch + CELL);
}

// @inline
export function opaque16(value: i32, scratch: usize): v128 {
  return opaque((value & 0xffff) * 0x10001, scratch);
}

// @inline
export function opaque8(value: i32, scratch: usize): v128 {
  return opaque((value & 0xff) * 0x1010101, scratch);
}

// @inline
export function opaqueFloat(value: f32, scratch: usize): v128 {
  return opaque(reinterpret<i32>(value), scratch);
}

/**
 * A mask of the top bits of eight 16-bit lanes that are all 0 or all 1. V8's i16x8.bitmask uses a register
 * that byte shuffles also use, so that one would wait for the other in every iteration.
 */
// @inline
export function bitsOf(lanes: v128): usize {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(lanes, i16x8.splat(0))) as usize;
}

/**
 * Reads one word of every cache line of a range. The code that follows computes for so long on each line that
 * few loads would be in flight at a time; here many are.
 */
export function fetch(from: usize, bytes: usize, scratch: usize): void {
  let all: u32 = 0;
  for (let at = from, end = from + bytes; at < end; at += 64) all |= load<u32>(at);
  store<u32>(scratch + CELL, all);
}

export function settings(scratch: usize): Settings {
  return changetype<Settings>(scratch + SETTINGS);
}

/** Sets the quantization and lag for the following calls. */
export function configure(
  scratch: usize,
  quantizer: u32,
  bound: f32,
  step: f32,
  inverse: f32,
  negativeBound: f32,
  negativeStep: f32,
  negativeInverse: f32,
  seed: u32,
  lag: u32,
  rectified: u32,
  twin: i32,
  masks: u32,
): void {
  const s = settings(scratch);
  s.masks = masks;
  s.masked = 0;
  s.holes = 0;
  s.quantizer = quantizer;
  s.bound = bound;
  s.step = s.wholeStep = step;
  s.inverse = s.wholeInverse = inverse;
  s.negativeBound = negativeBound;
  s.negativeStep = negativeStep;
  s.negativeInverse = negativeInverse;
  s.seed = seed;
  s.lag = lag;
  s.rectified = rectified;
  s.twin = twin;
  const dithered = quantizer === 3 || quantizer === 5;
  const provable = quantizer !== 0 && (bound === negativeBound || quantizer === 5) && max(step, negativeStep) < <f32>1e30;
  // An integer below 5120 proves that x is within 5120 steps of zero; with dither, one below 2^11 − 1 proves
  // 2^11 steps.
  s.near = !provable ? -1 : dithered ? 2046 : 5119;
}

/** True if a mask was written since `configure`. */
export function hasMask(scratch: usize): bool {
  return settings(scratch).masked !== 0;
}

export function scratchBytes(): usize {
  return 524288;
}

/** Writes the tables. In a shuffle, lane k is bytes 2k and 2k + 1, and 0x80 selects zero. */
export function initialize(scratch: usize): void {
  memory.fill(scratch + MARGIN, 0, Q - MARGIN);
  v128.store(scratch + MIXING, i32x4.splat(0x7feb352d));
  v128.store(scratch + MIXING, i32x4.splat(0x846ca68b), 16);
  v128.store(scratch + MIXING, f32x4.splat(1.1920928955078125e-7), 32);
  v128.store(scratch + MIXING, f32x4.splat(-0.4999999403953552), 48);
  for (let mask = 0; mask < 256; mask++) {
    const gather = scratch + GATHER + (mask << 4);
    const scatter = scratch + SCATTER + (mask << 4);
    const raise = scratch + RAISE + (mask << 4);
    let free = popcnt(mask) as usize;
    v128.store(gather, i8x16.splat(-128));
    v128.store(scatter, i8x16.splat(-128));
    v128.store(raise, i8x16.splat(-128));
    let count: usize = 0;
    for (let lane: usize = 0; lane < 8; lane++) {
      if (((mask >> (lane as i32)) & 1) === 0) {
        store<u16>(raise + free * 2, (0x0100 + 0x0202 * lane) as u16);
        free++;
        continue;
      }
      store<u16>(gather + count * 2, (0x0100 + 0x0202 * lane) as u16);
      store<u16>(scatter + lane * 2, (0x0100 + 0x0202 * count) as u16);
      count++;
    }
  }
}
