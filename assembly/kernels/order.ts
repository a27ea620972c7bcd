/**
 * The order of long sums that src/kernels/reference/order.ts defines:
 *
 *   block of 1024:  | s0: lanes 0–3 | s1: 4–7 | s2: 8–11 | s3: 12–15 |   element i → lane i mod 16
 *   fold:           s0+s2, s1+s3; (s0+s2)+(s1+s3); lanes j+2, then j+1    (lane j += j+8, j+4, j+2, j+1)
 *   total:          blocks ascending in binary64
 *
 * The term is a class with `of(x, z, u, w)`, which returns four terms from four x and, if `pair()` is true,
 * four z; u and w are constants.
 */
import { lanesBelow, loadSome } from "./vector";

const blockLength: i32 = 1024;

export function orderedSum<Term>(x: usize, z: usize, count: i32, u: v128, w: v128): f64 {
  let total: f64 = 0;
  for (let start = 0; start < count; start += blockLength) {
    const length = min(blockLength, count - start);
    total += <f64>blockSum<Term>(x, z, length, u, w);
    x += blockLength * 4;
    z += blockLength * 4;
  }
  return total;
}

function blockSum<Term>(x: usize, z: usize, length: i32, u: v128, w: v128): f32 {
  const term = changetype<Term>(0);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let left = length;
  for (; left >= 16; left -= 16, x += 64, z += 64) {
    if (term.pair()) {
      s0 = f32x4.add(s0, term.of(v128.load(x), v128.load(z), u, w));
      s1 = f32x4.add(s1, term.of(v128.load(x, 16), v128.load(z, 16), u, w));
      s2 = f32x4.add(s2, term.of(v128.load(x, 32), v128.load(z, 32), u, w));
      s3 = f32x4.add(s3, term.of(v128.load(x, 48), v128.load(z, 48), u, w));
    } else {
      s0 = f32x4.add(s0, term.of(v128.load(x), u, u, w));
      s1 = f32x4.add(s1, term.of(v128.load(x, 16), u, u, w));
      s2 = f32x4.add(s2, term.of(v128.load(x, 32), u, u, w));
      s3 = f32x4.add(s3, term.of(v128.load(x, 48), u, u, w));
    }
  }
  // The rest, a vector at a time. Missing elements add +0, which does not change a sum that began at +0.
  if (left > 0) s0 = f32x4.add(s0, someTerms<Term>(x, z, left, u, w));
  if (left > 4) s1 = f32x4.add(s1, someTerms<Term>(x + 16, z + 16, left - 4, u, w));
  if (left > 8) s2 = f32x4.add(s2, someTerms<Term>(x + 32, z + 32, left - 8, u, w));
  if (left > 12) s3 = f32x4.add(s3, someTerms<Term>(x + 48, z + 48, left - 12, u, w));
  const eight = f32x4.add(f32x4.add(s0, s2), f32x4.add(s1, s3));
  const four = f32x4.add(eight, v128.shuffle<f32>(eight, eight, 2, 3, 2, 3));
  return f32x4.extract_lane(four, 0) + f32x4.extract_lane(four, 1);
}

function someTerms<Term>(x: usize, z: usize, count: i32, u: v128, w: v128): v128 {
  const term = changetype<Term>(0);
  const second = term.pair() ? loadSome(z, count) : u;
  return v128.and(term.of(loadSome(x, count), second, u, w), lanesBelow(count));
}

// ── terms ──

@unmanaged
export class Value {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return x;
  }
}

@unmanaged
export class Magnitude {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.abs(x);
  }
}

@unmanaged
export class Square {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(x, x);
  }
}

/** x·z */
@unmanaged
export class Product {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(x, z);
  }
}

/** (x − u)² */
@unmanaged
export class SquaredDeviation {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    const deviation = f32x4.sub(x, u);
    return f32x4.mul(deviation, deviation);
  }
}

/** x² · z */
@unmanaged
export class WeightedSquare {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(f32x4.mul(x, x), z);
  }
}
