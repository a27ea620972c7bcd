/** Elementwise kernels. Units: elements, from a multiple of 4. */
import { map } from "./map";

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

@unmanaged
class Rectify {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return v128.andnot(x, f32x4.le(x, u));
  }
}

export function relu(y: usize, x: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  map<Rectify>(at(y, begin), at(x, begin), 0, end - begin, zero, zero);
}

/** x where z ≠ 0, otherwise 0. */
@unmanaged
class PassNonZero {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return v128.and(x, f32x4.ne(z, u));
  }
}

export function reluBackward(dx: usize, dy: usize, y: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  map<PassNonZero>(at(dx, begin), at(dy, begin), at(y, begin), end - begin, zero, zero);
}

@unmanaged
export class Sum {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.add(x, z);
  }
}

export function add(y: usize, a: usize, b: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  map<Sum>(at(y, begin), at(a, begin), at(b, begin), end - begin, zero, zero);
}

@unmanaged
class Difference {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.sub(x, z);
  }
}

export function subtract(y: usize, a: usize, b: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  map<Difference>(at(y, begin), at(a, begin), at(b, begin), end - begin, zero, zero);
}

/** x·u */
@unmanaged
export class Scaled {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(x, u);
  }
}

export function scale(y: usize, x: usize, factor: f32, begin: i32, end: i32): void {
  const by = f32x4.splat(factor);
  map<Scaled>(at(y, begin), at(x, begin), 0, end - begin, by, by);
}

export function fill(y: usize, value: f32, begin: i32, end: i32): void {
  const v = f32x4.splat(value);
  let p = at(y, begin);
  const last = at(y, end);
  for (; p + 64 <= last; p += 64) {
    v128.store(p, v);
    v128.store(p, v, 16);
    v128.store(p, v, 32);
    v128.store(p, v, 48);
  }
  for (; p < last; p += 4) store<f32>(p, value);
}
