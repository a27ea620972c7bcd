// Transposes eight rows of eight 16-bit integers. When decoding, the result may be dequantised at once.
import { storeEight } from "./dequantize";

/** With this kind `spread` stores integers; any other kind is the quantizer that decodes them. */
const INTEGERS: u32 = 0;

// @inline
function put(
  to: usize,
  integers: v128,
  kind: u32,
  gapless: bool,
  step: v128,
  one: v128,
  other: v128,
  turn: v128,
  four: v128,
  scratch: usize,
): void {
  if (kind === INTEGERS) v128.store(to, integers);
  else storeEight(to, integers, kind, gapless, step, one, other, turn, four, scratch);
}

/**
 * Transposes eight vectors of eight integers and stores the results, or their values, `toStride` bytes apart.
 * `turn` belongs to the first four values of the first result, and adding `apart` gives that of the next
 * result. The other arguments are storeEight's.
 */
// biome-ignore format: one row a line
// @inline
function spread(
  to: usize,
  toStride: usize,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  g: v128,
  h: v128,
  kind: u32,
  gapless: bool,
  step: v128,
  one: v128,
  other: v128,
  turn: v128,
  apart: v128,
  four: v128,
  scratch: usize,
): void {
  const turn0 = turn;
  const turn1 = i32x4.add(turn0, apart);
  const turn2 = i32x4.add(turn1, apart);
  const turn3 = i32x4.add(turn2, apart);
  const turn4 = i32x4.add(turn3, apart);
  const turn5 = i32x4.add(turn4, apart);
  const turn6 = i32x4.add(turn5, apart);
  const turn7 = i32x4.add(turn6, apart);
  // Interleave pairs of lanes, then pairs of pairs, then halves.
  const ab0 = i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const ab1 = i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const cd0 = i8x16.shuffle(c, d, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const cd1 = i8x16.shuffle(c, d, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const ef0 = i8x16.shuffle(e, f, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const ef1 = i8x16.shuffle(e, f, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const gh0 = i8x16.shuffle(g, h, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const gh1 = i8x16.shuffle(g, h, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const ad0 = i8x16.shuffle(ab0, cd0, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const ad1 = i8x16.shuffle(ab0, cd0, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const ad2 = i8x16.shuffle(ab1, cd1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const ad3 = i8x16.shuffle(ab1, cd1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const eh0 = i8x16.shuffle(ef0, gh0, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const eh1 = i8x16.shuffle(ef0, gh0, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const eh2 = i8x16.shuffle(ef1, gh1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const eh3 = i8x16.shuffle(ef1, gh1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  put(to, i8x16.shuffle(ad0, eh0, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), kind, gapless, step, one, other, turn0, four, scratch);
  put(to + toStride, i8x16.shuffle(ad0, eh0, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), kind, gapless, step, one, other, turn1, four, scratch);
  put(to + toStride * 2, i8x16.shuffle(ad1, eh1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), kind, gapless, step, one, other, turn2, four, scratch);
  put(to + toStride * 3, i8x16.shuffle(ad1, eh1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), kind, gapless, step, one, other, turn3, four, scratch);
  put(to + toStride * 4, i8x16.shuffle(ad2, eh2, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), kind, gapless, step, one, other, turn4, four, scratch);
  put(to + toStride * 5, i8x16.shuffle(ad2, eh2, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), kind, gapless, step, one, other, turn5, four, scratch);
  put(to + toStride * 6, i8x16.shuffle(ad3, eh3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), kind, gapless, step, one, other, turn6, four, scratch);
  put(to + toStride * 7, i8x16.shuffle(ad3, eh3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), kind, gapless, step, one, other, turn7, four, scratch);
}

/** Transposes eight rows of eight integers to columns that are `toStride` bytes apart. */
// @inline
export function storeTransposed(
  to: usize,
  toStride: usize,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  g: v128,
  h: v128,
): void {
  spread(to, toStride, a, b, c, d, e, f, g, h, INTEGERS, false, a, a, a, a, a, a, 0);
}

export function transpose(to: usize, toStride: usize, from: usize, stride: usize): void {
  const half = from + stride * 4;
  storeTransposed(
    to,
    toStride,
    v128.load(from),
    v128.load(from + stride),
    v128.load(from + stride * 2),
    v128.load(from + stride * 3),
    v128.load(half),
    v128.load(half + stride),
    v128.load(half + stride * 2),
    v128.load(half + stride * 3),
  );
}

/** Decodes eight columns at `from` to eight values in each of eight rows, which are `apart` values apart. */
// @inline
export function spreadColumns(
  to: usize,
  stride: usize,
  from: usize,
  quantizer: u32,
  gapless: bool,
  step: v128,
  one: v128,
  other: v128,
  turn: v128,
  apart: v128,
  four: v128,
  scratch: usize,
): void {
  const a = v128.load(from);
  const b = v128.load(from, 16);
  const c = v128.load(from, 32);
  const d = v128.load(from, 48);
  const e = v128.load(from, 64);
  const f = v128.load(from, 80);
  const g = v128.load(from, 96);
  const h = v128.load(from, 112);
  spread(to, stride, a, b, c, d, e, f, g, h, quantizer, gapless, step, one, other, turn, apart, four, scratch);
}
