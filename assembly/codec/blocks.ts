// A run of integers as widths and blocks of 64; docs/format.md describes both.
//
// Groups of blocks with 16-bit integers stay in the first-level cache, and each step is a loop of its own:
//
//   write  integers → folded residuals (GROUP) → planes        read  planes → folded residuals → integers → values
import { nibbleWidth, pack32, packBlocks, packTail, putWidth, unpack32, unpackBlocks, unpackTail } from "./pack";
import { predict, predictRun, UNSIGNED } from "./predict";
import { BLOCK, GROUP, STAGING } from "./scratch";

/** Number of blocks in a group. */
export const GROUPED: usize = 16;

/**
 * Writes widths and blocks of `count` integers, predicted as `plan` says. Returns the address after the last
 * byte.
 */
export function writeBlocks(to: usize, from: usize, count: usize, lag: usize, wide: bool, plan: u32, scratch: usize): usize {
  const block = scratch + BLOCK;
  const whole = count >> 6;
  const rest = count & 63;
  const blocks = (count + 63) >> 6;
  let at = to + (wide ? blocks : (blocks + 1) >> 1);
  if (wide) {
    for (let b: usize = 0; b < whole; b++) {
      const width = predict(block, from + b * 256, lag, true, plan, 64);
      store<u8>(to + b, width);
      at = pack32(at, block, width, scratch);
    }
  } else if (plan === UNSIGNED) at = packBlocks(at, to, 0, from, whole, scratch);
  else {
    for (let b: usize = 0; b < whole; b += GROUPED) {
      const some = min(GROUPED, whole - b);
      predictRun(scratch + GROUP, from + b * 128, some << 7, lag, plan);
      at = packBlocks(at, to, b, scratch + GROUP, some, scratch);
    }
  }
  if (rest === 0) return at;
  let width = predict(block, from + whole * (wide ? 256 : 128), lag, wide, plan, rest);
  if (wide) store<u8>(to + whole, width);
  else {
    // A narrow width is stored as a nibble, in which 15 stands for 16.
    if (width === 15) width = 16;
    putWidth(to, whole, width);
  }
  return packTail(at, block, rest, width, wide);
}

/**
 * Reads blocks first … first + some − 1 of a run of `count` integers. They begin at `from` and go to `to`.
 * Returns the address after the last byte read.
 */
export function readBlocks(
  to: usize,
  widths: usize,
  first: usize,
  some: usize,
  from: usize,
  count: usize,
  wide: bool,
  scratch: usize,
): usize {
  const size: usize = wide ? 256 : 128;
  const whole = min(some, (count >> 6) - first);
  let at = from;
  if (!wide) at = unpackBlocks(to, widths, first, at, whole, scratch);
  else {
    for (let b: usize = 0; b < whole; b++) {
      const width = widthAt(widths, first + b, true);
      unpack32(to + b * 256, at, width, scratch + STAGING, scratch);
      at += width << 3;
    }
  }
  if (whole === some) return at;
  const width = widthAt(widths, first + whole, wide);
  unpackTail(to + whole * size, at, count & 63, width, wide);
  return at + bytesOf(width, count & 63);
}

/** The bytes of the blocks of `count` integers with the given widths, or −1 if a width exceeds 32. */
export function blocksBytes(widths: usize, count: usize, wide: bool): i32 {
  let sum: u32 = 0;
  for (let b: usize = 0; b << 6 < count; b++) {
    const width = widthAt(widths, b, wide);
    if (width > 32) return -1;
    sum += bytesOf(width, count - b * 64);
  }
  return sum as i32;
}

// @inline
function bytesOf(width: u32, count: usize): u32 {
  return (width * (min<usize>(64, count) as u32) + 7) >> 3;
}

// @inline
function widthAt(widths: usize, b: usize, wide: bool): u32 {
  if (wide) return load<u8>(widths + b) as u32;
  return nibbleWidth(widths, b);
}
