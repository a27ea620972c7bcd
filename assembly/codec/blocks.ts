// A run of integers as widths and blocks of 64; docs/format.md draws both.
import { pack16, pack32, packTail } from "./pack";
import { predict } from "./predict";
import { BLOCK } from "./scratch";

/** Writes widths and blocks of `count` integers, predicted by `plan` or taken as they are. Returns the end. */
export function writeBlocks(to: usize, from: usize, count: usize, lag: usize, wide: bool, plan: u32, scratch: usize): usize {
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

/** The bytes of `count` integers whose blocks' widths are given; −1 where a width is beyond 32. */
export function blocksBytes(widths: usize, count: usize, wide: bool): i32 {
  let sum: u32 = 0;
  for (let b: usize = 0; b << 6 < count; b++) {
    const width = widthAt(widths, b, wide);
    if (width > 32) return -1;
    sum += bytesOf(width, count - b * 64);
  }
  return sum as i32;
}

@inline
export function bytesOf(width: u32, count: usize): u32 {
  return (width * (min<usize>(64, count) as u32) + 7) >> 3;
}

@inline
export function widthAt(widths: usize, b: usize, wide: bool): u32 {
  if (wide) return load<u8>(widths + b) as u32;
  const nibble = ((load<u8>(widths + (b >> 1)) as u32) >> (((b as u32) & 1) * 4)) & 15;
  return nibble == 15 ? 16 : nibble;
}
