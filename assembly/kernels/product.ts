/**
 * The one place where the profiles differ: a step of a chain of products.
 *
 *   strict  sum + round(a·b), rounded: the reference's bits, on every machine
 *   fused   sum + a·b, rounded once where the processor can: faster, other bits. Built with relaxed SIMD.
 */
export function plusProduct(sum: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}

/**
 * x² − (1 + 2⁻¹¹) by one step of a chain: for x = 1 + 2⁻¹² this is 2⁻²⁴ where it fuses, and 0 where the square is
 * rounded first.
 */
export function squareRemainder(x: f32): f32 {
  const v = f32x4.splat(x);
  return f32x4.extract_lane(plusProduct(f32x4.splat(-1.00048828125), v, v), 0);
}
