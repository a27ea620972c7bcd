// Dense mode's decoding of a row: columns of eight integers → rows of floats in eight lanes; the inverse of
// lanes.ts.
import { mix } from "./checksum";
import { aidOf, dequantize16, otherAidOf } from "./dequantize";
import { further, turnOf } from "./dither";
import { laneBytes } from "./lanes";
import { LANES, PADDED } from "./map";
import { DITHERED, dithers, PAPER, SIGNED, SUPPORT, TWINS } from "./quantize";
import { opaqueFloat, settings } from "./scratch";
import { spreadColumns, transpose } from "./transpose";

/** Writes whole vectors of eight, and so up to seven values beyond each row. */
// @inline
function spreadWith(to: usize, stride: usize, first: u32, row: usize, scratch: usize, quantizer: u32, gapless: bool): void {
  const s = settings(scratch);
  const step = opaqueFloat(s.step, scratch);
  const one = aidOf(quantizer, scratch);
  const other = otherAidOf(quantizer, scratch);
  const apart = further((stride >> 2) as u32, scratch);
  const four = further(4, scratch);
  const eight = further(8, scratch);
  let turn = turnOf(first, mix(s.seed));
  for (let i: usize = 0; i < (s.width as usize); i += 8) {
    const from = row + (i << 4);
    spreadColumns(to + (i << 2), stride, from, quantizer, gapless, step, one, other, turn, apart, four, scratch);
    if (dithers(quantizer)) turn = i32x4.add(turn, eight);
  }
}

/** Writes the rows of eight lanes, `stride` bytes apart; the first value has index `first`. */
function spreadRow(to: usize, stride: usize, first: u32, row: usize, scratch: usize): void {
  const s = settings(scratch);
  const gapless = s.gapless !== 0;
  if (s.quantizer === PAPER) spreadWith(to, stride, first, row, scratch, PAPER, false);
  else if (s.quantizer === SUPPORT) {
    if (gapless) spreadWith(to, stride, first, row, scratch, SUPPORT, true);
    else spreadWith(to, stride, first, row, scratch, SUPPORT, false);
  } else if (s.quantizer === SIGNED) {
    if (s.twin !== 0) {
      if (gapless) spreadWith(to, stride, first, row, scratch, TWINS, true);
      else spreadWith(to, stride, first, row, scratch, TWINS, false);
    } else if (gapless) spreadWith(to, stride, first, row, scratch, SIGNED, true);
    else spreadWith(to, stride, first, row, scratch, SIGNED, false);
  } else if (gapless) spreadWith(to, stride, first, row, scratch, DITHERED, true);
  else spreadWith(to, stride, first, row, scratch, DITHERED, false);
}

/**
 * Decodes the columns at `row` to row y of a strip whose lanes have `height` rows; also to a rectified copy
 * if the settings ask for one.
 */
export function placeRow(x: usize, strip: u32, height: u32, y: u32, row: usize, scratch: usize): void {
  const s = settings(scratch);
  const width = s.width as usize;
  const first = (strip * 8 * s.height + y) * s.width;
  const apart = height * s.width;
  // Values written beyond a row lie in the lane's next row, which is written later.
  const beyond = (width & 7) !== 0;
  const end = first + 7 * apart + ((s.width + 7) & ~7);
  const suited = s.quantizer === SIGNED || (s.step === s.negativeStep && s.rectified === 0);
  if (end <= s.length && (!beyond || y + 1 < height) && suited) {
    spreadRow(x + ((first as usize) << 2), (apart as usize) << 2, first, row, scratch);
    if (s.twin === 0 || s.quantizer === SIGNED) return;
  } else placeLanes(x, strip, height, y, row, scratch);
  if (s.twin === 0) return;
  s.rectified = 1;
  placeLanes(x + s.twin, strip, height, y, row, scratch);
  s.rectified = 0;
}

/** Decodes lane by lane, and writes no value beyond the tensor's end. */
function placeLanes(x: usize, strip: u32, height: u32, y: u32, row: usize, scratch: usize): void {
  const s = settings(scratch);
  const width = s.width as usize;
  const stride = laneBytes(width);
  for (let i: usize = 0; i < width; i += 8) transpose(scratch + LANES + (i << 1), stride, row + (i << 4), 16);
  const gapless = s.gapless !== 0;
  for (let lane: u32 = 0; lane < 8; lane++) {
    const number = strip * 8 * s.height + lane * height + y;
    if (number >= s.rows) return;
    const index = number * s.width;
    const count = min<u32>(s.width, s.length - index) as usize;
    const whole = count & ~7;
    const to = x + ((index as usize) << 2);
    const from = scratch + LANES + (lane as usize) * stride;
    dequantize16(to, from, whole, gapless, index, scratch);
    if (whole === count) continue;
    dequantize16(scratch + PADDED, from + (whole << 1), 8, gapless, index + (whole as u32), scratch);
    for (let k = whole; k < count; k++) store<u32>(to + (k << 2), load<u32>(scratch + PADDED + ((k - whole) << 2)));
  }
}
