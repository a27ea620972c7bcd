/**
 * The logistic function and SiLU; src/kernels/reference/activation.ts defines them. Units: elements, from a
 * multiple of 4.
 */
import { exp } from "./exponential";
import { map } from "./map";

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** 1/(1 + e^−x), for four values at a time. */
// @inline
function logistic(x: v128, one: v128): v128 {
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

@unmanaged
class Sigmoid {
  pair(): bool {
    return false;
  }
  @inline
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return logistic(x, u);
  }
}

export function sigmoid(y: usize, x: usize, begin: i32, end: i32): void {
  const one = f32x4.splat(1);
  map<Sigmoid>(at(y, begin), at(x, begin), 0, end - begin, one, one);
}

/** x·(z·(1 − z)): a gradient x times the slope of the sigmoid whose output is z. */
@unmanaged
class TimesSigmoidSlope {
  pair(): bool {
    return true;
  }
  @inline
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(x, f32x4.mul(z, f32x4.sub(u, z)));
  }
}

export function sigmoidBackward(dx: usize, dy: usize, y: usize, begin: i32, end: i32): void {
  const one = f32x4.splat(1);
  map<TimesSigmoidSlope>(at(dx, begin), at(dy, begin), at(y, begin), end - begin, one, one);
}

@unmanaged
class Silu {
  pair(): bool {
    return false;
  }
  @inline
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.mul(x, logistic(x, u));
  }
}

export function silu(y: usize, x: usize, begin: i32, end: i32): void {
  const one = f32x4.splat(1);
  map<Silu>(at(y, begin), at(x, begin), 0, end - begin, one, one);
}

/** A gradient x times the slope of SiLU at the input z. */
@unmanaged
class TimesSiluSlope {
  pair(): bool {
    return true;
  }
  @inline
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    const s = logistic(z, u);
    return f32x4.mul(x, f32x4.mul(s, f32x4.add(u, f32x4.mul(z, f32x4.sub(u, s)))));
  }
}

export function siluBackward(dx: usize, dy: usize, x: usize, begin: i32, end: i32): void {
  const one = f32x4.splat(1);
  map<TimesSiluSlope>(at(dx, begin), at(dy, begin), at(x, begin), end - begin, one, one);
}
