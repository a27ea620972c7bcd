/**
 * exp and log as float32 polynomials, because Math.exp and Math.log differ between JavaScript engines. Both
 * reduce the argument by powers of two, which is exact, and stay within 2 ulp (measured by
 * test/kernels/kernels.test.ts).
 */

const { fround } = Math;

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);

/** The float32 with these bits. */
function fromBits(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

function toBits(x: number): number {
  float[0] = x;
  return word[0]!;
}

// ln 2 in two parts: `high` has 15 trailing zero bits, so that n·high is exact for |n| < 2^15.
const ln2High = fround(0.693359375);
const ln2Low = fround(-2.1219444e-4);
const log2e = fround(Math.LOG2E);

/** Adding and then subtracting this rounds |x| < 2^22 to the nearest integer, ties to even. */
const rounder = fround(12582912);

/** Horner's scheme: ((c0·x + c1)·x + c2)… */
function horner(x: number, coefficients: readonly number[]): number {
  let sum = fround(coefficients[0]!);
  for (const c of coefficients.slice(1)) sum = fround(fround(sum * x) + fround(c));
  return sum;
}

export const expCoefficients = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
] as const;

/** e^x = 2^n · e^r with n = round(x/ln 2), |r| ≤ ln 2 / 2. The result is 0 below −87 and ∞ above 88. */
export function exp(x: number): number {
  if (x < -87) return 0;
  if (x > 88) return Number.POSITIVE_INFINITY;
  const n = fround(fround(fround(x * log2e) + rounder) - rounder);
  const r = fround(fround(x - fround(n * ln2High)) - fround(n * ln2Low));
  const tail = fround(fround(horner(r, expCoefficients) * fround(r * r)) + r);
  return fround(fround(tail + 1) * fromBits((n + 127) << 23));
}

export const logCoefficients = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
] as const;

/**
 * log x = n·ln 2 + log(1 + f) with x = 2^n·(1 + f), √½ ≤ 1 + f < √2, for normal x. 0 gives −∞; NaN and x < 0
 * give NaN.
 */
export function log(x: number): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (!(x > 0)) return Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  const shifted = toBits(x) - 0x3f3504f3; // the bits of √½
  const n = shifted >> 23;
  const f = fround(fromBits((shifted & 0x7fffff) + 0x3f3504f3) - 1);
  const square = fround(f * f);
  const cubic = fround(fround(horner(f, logCoefficients) * square) * f);
  const low = fround(fround(cubic + fround(n * ln2Low)) - fround(square * 0.5));
  return fround(fround(f + low) + fround(n * ln2High));
}
