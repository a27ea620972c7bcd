/** Small floating-point numbers; src/kernels/small-float.ts defines them. */
import { loadSome, storeSome } from "./vector";

/** The codes of four float32. */
function narrow(x: v128, exponent: i32, mantissa: i32): v128 {
  const bias = (1 << (exponent - 1)) - 1;
  const special = ((1 << exponent) - 1) << mantissa;
  const sign = i32x4.shl(i32x4.shr_u(x, 31), exponent + mantissa);
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const dropped = 23 - mantissa;
  const odd = v128.and(i32x4.shr_u(magnitude, dropped), i32x4.splat(1));
  const half = i32x4.add(odd, i32x4.splat((1 << (dropped - 1)) - 1));
  const kept = i32x4.shr_u(i32x4.add(magnitude, half), dropped);
  const normal = i32x4.min_s(
    i32x4.sub(kept, i32x4.splat((127 - bias) << mantissa)),
    i32x4.splat(special - 1),
  );
  // In units of the least number above 0; the addition leaves no bits for a fraction.
  const unit = reinterpret<f32>((127 + bias - 1 + mantissa) << 23);
  const units = f32x4.add(f32x4.mul(magnitude, f32x4.splat(unit)), f32x4.splat(8388608));
  const small = i32x4.sub(units, i32x4.splat(0x4b000000));
  const infinity = i32x4.splat(0x7f800000);
  const isNaN = v128.and(i32x4.gt_s(magnitude, infinity), i32x4.splat(1));
  const odds = v128.or(i32x4.splat(special), isNaN);
  // With the exponents of float32, small numbers are rounded like normal ones.
  const least = bias === 127 ? -1 : 127 - bias;
  const isNormal = i32x4.gt_s(i32x4.shr_u(magnitude, 23), i32x4.splat(least));
  let code = v128.bitselect(normal, small, isNormal);
  code = v128.bitselect(odds, code, i32x4.ge_s(magnitude, infinity));
  return v128.or(sign, code);
}

/** The float32 of four codes. */
function widen(code: v128, exponent: i32, mantissa: i32): v128 {
  const bias = (1 << (exponent - 1)) - 1;
  const special = ((1 << exponent) - 1) << mantissa;
  const sign = i32x4.shl(i32x4.shr_u(code, exponent + mantissa), 31);
  const magnitude = v128.and(code, i32x4.splat((1 << (exponent + mantissa)) - 1));
  // The float32 with this exponent and mantissa, normal or not, is the number but for a power of two.
  const power = reinterpret<f32>((254 - bias) << 23);
  const number = f32x4.mul(i32x4.shl(magnitude, 23 - mantissa), f32x4.splat(power));
  const isNaN = i32x4.gt_s(magnitude, i32x4.splat(special));
  const odds = v128.or(i32x4.splat(0x7f800000), v128.and(isNaN, i32x4.splat(0x400000)));
  return v128.or(sign, v128.bitselect(odds, number, i32x4.ge_s(magnitude, i32x4.splat(special))));
}

// @inline
function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** Units: words of 32 bits. */
export function narrowFloats(
  packed: usize,
  x: usize,
  n: i32,
  exponent: i32,
  mantissa: i32,
  begin: i32,
  end: i32,
): void {
  const width = 1 + exponent + mantissa;
  const perWord = 32 / width;
  let word = begin;
  for (; word + 4 <= end && (word + 4) * perWord <= n; word += 4) {
    const from = at(x, word * perWord);
    const a = narrow(v128.load(from), exponent, mantissa);
    const b = narrow(v128.load(from, 16), exponent, mantissa);
    const to = at(packed, word);
    if (perWord === 2) {
      v128.store(to, i16x8.narrow_i32x4_u(a, b));
      continue;
    }
    const c = narrow(v128.load(from, 32), exponent, mantissa);
    if (perWord === 4) {
      const d = narrow(v128.load(from, 48), exponent, mantissa);
      v128.store(to, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
      continue;
    }
    const first = v128.shuffle<i32>(v128.shuffle<i32>(a, b, 0, 3, 6, 0), c, 0, 1, 2, 5);
    const second = v128.shuffle<i32>(v128.shuffle<i32>(a, b, 1, 4, 7, 0), c, 0, 1, 2, 6);
    const third = v128.shuffle<i32>(v128.shuffle<i32>(a, b, 2, 5, 0, 0), c, 0, 1, 4, 7);
    v128.store(to, v128.or(first, v128.or(i32x4.shl(second, 10), i32x4.shl(third, 20))));
  }
  for (; word < end; word++) {
    let sum = 0;
    for (let k = 0; k < perWord && word * perWord + k < n; k++) {
      const code = narrow(loadSome(at(x, word * perWord + k), 1), exponent, mantissa);
      sum |= i32x4.extract_lane(code, 0) << (k * width);
    }
    store<i32>(at(packed, word), sum);
  }
}

/** Units: values of x, which begin at number `first`. */
export function widenFloats(
  x: usize,
  packed: usize,
  first: i32,
  exponent: i32,
  mantissa: i32,
  begin: i32,
  end: i32,
): void {
  const width = 1 + exponent + mantissa;
  const perWord = 32 / width;
  const ones = (1 << width) - 1;
  let i = begin;
  if (perWord !== 3) {
    for (; i + 4 <= end; i += 4) {
      const from = packed + ((<usize>(first + i)) << (perWord === 2 ? 1 : 0));
      let code: v128;
      if (perWord === 2) code = v128.load16x4_u(from);
      else code = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(from)));
      v128.store(at(x, i), widen(code, exponent, mantissa));
    }
  }
  const mask = i32x4.splat(ones);
  while (i < end) {
    const number = first + i;
    if (perWord === 3 && number % 3 === 0 && i + 12 <= end) {
      const words = v128.load(at(packed, number / 3));
      const a = widen(v128.and(words, mask), exponent, mantissa);
      const b = widen(v128.and(i32x4.shr_u(words, width), mask), exponent, mantissa);
      const c = widen(v128.and(i32x4.shr_u(words, 2 * width), mask), exponent, mantissa);
      v128.store(at(x, i), v128.shuffle<i32>(v128.shuffle<i32>(a, b, 0, 4, 0, 1), c, 0, 1, 4, 3));
      v128.store(at(x, i), v128.shuffle<i32>(v128.shuffle<i32>(b, c, 1, 5, 2, 6), a, 0, 1, 6, 2), 16);
      v128.store(at(x, i), v128.shuffle<i32>(v128.shuffle<i32>(c, a, 2, 7, 3, 0), b, 0, 1, 7, 2), 32);
      i += 12;
      continue;
    }
    const code = (load<i32>(at(packed, number / perWord)) >>> (width * (number % perWord))) & ones;
    storeSome(at(x, i), widen(i32x4.splat(code), exponent, mantissa), 1);
    i++;
  }
}
