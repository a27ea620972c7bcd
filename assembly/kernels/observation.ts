/**
 * Reductions of a whole tensor. For sums, units are the blocks of order.ts; the caller adds the sums of the
 * blocks in order.
 */
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

/**
 * Reduces an array in four lanes whose order does not matter: `of` adds a vector to a result, and `merge`
 * joins two results.
 */
function fold<Op>(x: usize, count: i32): v128 {
  const op = changetype<Op>(0);
  let a = i32x4.splat(0);
  let b = a;
  let left = count;
  for (; left >= 8; left -= 8, x += 32) {
    a = op.of(a, v128.load(x));
    b = op.of(b, v128.load(x, 16));
  }
  for (; left > 0; left -= 4, x += 16) a = op.of(a, loadSome(x, left));
  const four = op.merge(a, b);
  const two = op.merge(four, v128.shuffle<i32>(four, four, 2, 3, 2, 3));
  return op.merge(two, v128.shuffle<i32>(two, two, 1, 1, 1, 1));
}

/** As integers, float bits without the sign have the order of the magnitudes, with NaN above ∞. */
@unmanaged
class LargestMagnitude {
  of(so: v128, x: v128): v128 {
    return i32x4.max_s(so, v128.and(x, i32x4.splat(0x7fffffff)));
  }
  merge(a: v128, b: v128): v128 {
    return i32x4.max_s(a, b);
  }
}

@unmanaged
class NonZeros {
  of(so: v128, x: v128): v128 {
    return i32x4.sub(so, f32x4.ne(x, f32x4.splat(0)));
  }
  merge(a: v128, b: v128): v128 {
    return i32x4.add(a, b);
  }
}

/** The largest |x|. Units: elements, from a multiple of 4. */
export function maxAbs(x: usize, begin: i32, end: i32): f32 {
  return f32x4.extract_lane(fold<LargestMagnitude>(at(x, begin), end - begin), 0);
}

export function countNonZero(x: usize, begin: i32, end: i32): i32 {
  return i32x4.extract_lane(fold<NonZeros>(at(x, begin), end - begin), 0);
}

/** Marks the lanes with NaN or ∞, whose exponent bits are all set. */
function unbounded(x: v128): v128 {
  const exponent = i32x4.splat(0x7f800000);
  return i32x4.eq(v128.and(x, exponent), exponent);
}

/** The index of the first NaN or ∞ in [begin, end), or −1 if there is none. */
export function nonFinite(x: usize, begin: i32, end: i32): i32 {
  let i = begin;
  for (; i + 8 <= end; i += 8) {
    const either = v128.or(unbounded(v128.load(at(x, i))), unbounded(v128.load(at(x, i), 16)));
    if (v128.any_true(either)) break;
  }
  for (; i < end; i += 4) {
    const found = i32x4.bitmask(unbounded(loadSome(at(x, i), end - i)));
    if (found) return i + ctz(found);
  }
  return -1;
}
