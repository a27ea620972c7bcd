/**
 * One step of a chain of products. This is the only place where the two build profiles differ.
 *
 *   strict  sum + round(a·b), rounded: the reference's bits, on every machine
 *   fused   sum + a·b, rounded once if the processor can: faster, but other bits; built with relaxed SIMD
 */
export function plusProduct(sum: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}

/**
 * x² − (1 + 2⁻¹¹) by one step of a chain. For x = 1 + 2⁻¹² this is 2⁻²⁴ if the step is fused, and 0 if the
 * square is rounded first.
 */
export function squareRemainder(x: f32): f32 {
  const v = f32x4.splat(x);
  return f32x4.extract_lane(plusProduct(f32x4.splat(-1.00048828125), v, v), 0);
}
