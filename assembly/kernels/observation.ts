/** Numbers about a whole tensor. Sums: units are blocks of the one order, whose sums are left to be added in turn. */
import { Magnitude, orderedSum, Square, Value } from "./order";
import { loadSome } from "./vector";

const blockLength: i32 = 1024;

function blockSums<Term>(sums: usize, x: usize, n: i32, begin: i32, end: i32): void {
  const none = f32x4.splat(0);
  for (let block = begin; block < end; block++) {
    const first = block * blockLength;
    const from = x + ((<usize>first) << 2);
    store<f64>(
      sums + ((<usize>block) << 3),
      orderedSum<Term>(from, from, min(blockLength, n - first), none, none),
    );
  }
}

export function sum(sums: usize, x: usize, n: i32, begin: i32, end: i32): void {
  blockSums<Value>(sums, x, n, begin, end);
}

export function sumAbs(sums: usize, x: usize, n: i32, begin: i32, end: i32): void {
  blockSums<Magnitude>(sums, x, n, begin, end);
}

export function sumSquares(sums: usize, x: usize, n: i32, begin: i32, end: i32): void {
  blockSums<Square>(sums, x, n, begin, end);
}

function at(x: usize, i: i32): usize {
  return x + ((<usize>i) << 2);
}
function signCleared(x: v128): v128 {
  return v128.and(x, i32x4.splat(0x7fffffff));
}

/** The largest |x|. Bits without their sign sort like magnitudes, NaN above ∞. Units: elements, from a multiple of 4. */
export function maxAbs(x: usize, begin: i32, end: i32): f32 {
  let largest = i32x4.splat(0);
  for (let i = begin; i < end; i += 4)
    largest = i32x4.max_s(largest, signCleared(loadSome(at(x, i), end - i)));
  const two = i32x4.max_s(largest, v128.shuffle<i32>(largest, largest, 2, 3, 2, 3));
  return reinterpret<f32>(max(i32x4.extract_lane(two, 0), i32x4.extract_lane(two, 1)));
}

export function countNonZero(x: usize, begin: i32, end: i32): i32 {
  const zero = f32x4.splat(0);
  let counts = i32x4.splat(0);
  for (let i = begin; i < end; i += 4)
    counts = i32x4.sub(counts, f32x4.ne(loadSome(at(x, i), end - i), zero));
  const two = i32x4.add(counts, v128.shuffle<i32>(counts, counts, 2, 3, 2, 3));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}

/** Index of the first NaN or ∞ in [begin, end), −1 if there is none: all exponent bits are set. */
export function nonFinite(x: usize, begin: i32, end: i32): i32 {
  const exponent = i32x4.splat(0x7f800000);
  for (let i = begin; i < end; i += 4) {
    const found = i32x4.bitmask(i32x4.eq(v128.and(loadSome(at(x, i), end - i), exponent), exponent));
    if (found) return i + ctz(found);
  }
  return -1;
}
