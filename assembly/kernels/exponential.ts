/** The functions of src/kernels/reference/exponential.ts, with the same roundings in the same order. */

const ln2High: f32 = 0.693359375;
const ln2Low: f32 = -2.1219444e-4;
const log2e: f32 = <f32>Math.LOG2E;
const rounder: f32 = 12582912;

function step(sum: v128, x: v128, coefficient: f32): v128 {
  return f32x4.add(f32x4.mul(sum, x), f32x4.splat(coefficient));
}

/** e^x, for four values at a time. */
// @inline
export function exp(x: v128): v128 {
  const shift = f32x4.splat(rounder);
  // Adding the rounder leaves the integer n in the lowest bits of the sum, from where a shift takes it to the exponent.
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(log2e)), shift);
  const n = f32x4.sub(shifted, shift);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(ln2High))), f32x4.mul(n, f32x4.splat(ln2Low)));
  let sum = f32x4.splat(1.98756915e-4);
  sum = step(sum, r, 1.3981999507e-3);
  sum = step(sum, r, 8.3334519073e-3);
  sum = step(sum, r, 4.1665795894e-2);
  sum = step(sum, r, 1.6666665459e-1);
  sum = step(sum, r, 5.0000001201e-1);
  const tail = f32x4.add(f32x4.mul(sum, f32x4.mul(r, r)), r);
  const power = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
  const value = f32x4.mul(f32x4.add(tail, f32x4.splat(1)), power);
  const kept = v128.andnot(value, f32x4.lt(x, f32x4.splat(-87)));
  return v128.bitselect(f32x4.splat(Infinity), kept, f32x4.gt(x, f32x4.splat(88)));
}

function next(sum: f32, x: f32, coefficient: f32): f32 {
  return sum * x + coefficient;
}

export function log(x: f32): f32 {
  if (x === 0) return -Infinity;
  if (!(x > 0)) return NaN;
  if (x === Infinity) return x;
  const shifted = reinterpret<i32>(x) - 0x3f3504f3;
  const n = <f32>(shifted >> 23);
  const f = reinterpret<f32>((shifted & 0x7fffff) + 0x3f3504f3) - 1;
  const square = f * f;
  let sum: f32 = 7.0376836292e-2;
  sum = next(sum, f, -1.151461031e-1);
  sum = next(sum, f, 1.167699874e-1);
  sum = next(sum, f, -1.2420140846e-1);
  sum = next(sum, f, 1.4249322787e-1);
  sum = next(sum, f, -1.6668057665e-1);
  sum = next(sum, f, 2.0000714765e-1);
  sum = next(sum, f, -2.4999993993e-1);
  sum = next(sum, f, 3.3333331174e-1);
  const low = sum * square * f + n * ln2Low - square * 0.5;
  return f + low + n * ln2High;
}
