// The dither, four elements at a time; src/codec/stages/quantize.ts defines it.
import { MIXING, opaque } from "./scratch";

const TURN: i32 = 0x9e3779b9;

/**
 * The words that the dither mixes for four elements from index `first` on: index·TURN + key, with `key` the
 * mixed seed.
 */
// @inline
export function turnOf(first: u32, key: u32): v128 {
  return i32x4.add(i32x4.mul(i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3)), i32x4.splat(TURN)), i32x4.splat(key));
}

/** The difference between the turns of two elements that are `by` indices apart. */
// @inline
export function further(by: u32, scratch: usize): v128 {
  return opaque((by as i32) * TURN, scratch);
}

/** The dither of four elements, from their turns. */
// @inline
export function dither(turn: v128, scratch: usize): v128 {
  const mixing = scratch + MIXING;
  let h = i32x4.mul(v128.xor(turn, i32x4.shr_u(turn, 16)), v128.load(mixing));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), v128.load(mixing, 16));
  h = i32x4.shr_u(v128.xor(h, i32x4.shr_u(h, 16)), 9);
  return f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(h), v128.load(mixing, 32)), v128.load(mixing, 48));
}
