/** One value in, one value out. Units: elements, from a multiple of 4. */
import { loadSome, storeSome } from "./vector";

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

export function relu(y: usize, x: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    const v = loadSome(at(x, i), end - i);
    storeSome(at(y, i), v128.andnot(v, f32x4.le(v, zero)), end - i);
  }
}

export function reluBackward(dx: usize, dy: usize, y: usize, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let i = begin; i < end; i += 4) {
    const nonZero = f32x4.ne(loadSome(at(y, i), end - i), zero);
    storeSome(at(dx, i), v128.and(loadSome(at(dy, i), end - i), nonZero), end - i);
  }
}

export function add(y: usize, a: usize, b: usize, begin: i32, end: i32): void {
  for (let i = begin; i < end; i += 4) {
    const left = end - i;
    storeSome(at(y, i), f32x4.add(loadSome(at(a, i), left), loadSome(at(b, i), left)), left);
  }
}

export function scale(y: usize, x: usize, factor: f32, begin: i32, end: i32): void {
  const by = f32x4.splat(factor);
  for (let i = begin; i < end; i += 4)
    storeSome(at(y, i), f32x4.mul(loadSome(at(x, i), end - i), by), end - i);
}

export function fill(y: usize, value: f32, begin: i32, end: i32): void {
  const v = f32x4.splat(value);
  for (let i = begin; i < end; i += 4) storeSome(at(y, i), v, end - i);
}
