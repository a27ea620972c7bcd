/** Kernels with one number per plane; src/kernels/reference/plane.ts defines them. Units: planes. */
import { Scaled } from "./elementwise";
import { map } from "./map";
import { orderedSum, Product } from "./order";

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

export function scalePlanes(y: usize, x: usize, factors: usize, size: i32, begin: i32, end: i32): void {
  for (let p = begin; p < end; p++) {
    const factor = v128.load32_splat(at(factors, p));
    map<Scaled>(at(y, p * size), at(x, p * size), 0, size, factor, factor);
  }
}

export function dotPlanes(dots: usize, a: usize, b: usize, size: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let p = begin; p < end; p++) {
    const dot = orderedSum<Product>(at(a, p * size), at(b, p * size), size, zero, zero);
    store<f32>(at(dots, p), <f32>dot);
  }
}
