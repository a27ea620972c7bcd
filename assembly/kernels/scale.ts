/** Scaling each channel to integers of 8 bits. See src/kernels/reference/scale.ts. */
import { ChannelShape, planeOf } from "./channel";

/** The nearest whole numbers, with 0 for NaN. Whoever narrows them clips them. */
// @inline
export function toIntegers(x: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(x));
}

/** Sixteen bytes from four vectors of integers, which are clipped to −128 … 127. */
// @inline
export function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Four floats from the bytes at p. */
// @inline
export function widen(p: usize): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(p))));
}

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** Units: channels. The faster comparisons lose a NaN, so NaNs are noted apart. */
export function channelExtremes(
  least: usize,
  greatest: usize,
  x: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  for (let c = begin; c < end; c++) {
    let low = f32x4.splat(<f32>Infinity);
    let high = f32x4.splat(<f32>-Infinity);
    let low2 = low;
    let high2 = high;
    let unordered = i32x4.splat(0);
    for (let n = 0; n < s.N; n++) {
      let from = x + planeOf(s, n, c);
      let left = s.size;
      for (; left >= 8; left -= 8, from += 32) {
        const a = v128.load(from);
        const b = v128.load(from, 16);
        low = f32x4.pmin(low, a);
        low2 = f32x4.pmin(low2, b);
        high = f32x4.pmax(high, a);
        high2 = f32x4.pmax(high2, b);
        unordered = v128.or(unordered, v128.or(f32x4.ne(a, a), f32x4.ne(b, b)));
      }
      for (; left > 0; left--, from += 4) {
        const one = v128.load32_splat(from);
        low = f32x4.pmin(low, one);
        high = f32x4.pmax(high, one);
        unordered = v128.or(unordered, f32x4.ne(one, one));
      }
    }
    low = f32x4.pmin(low, low2);
    high = f32x4.pmax(high, high2);
    low = f32x4.pmin(low, v128.shuffle<i32>(low, low, 2, 3, 2, 3));
    high = f32x4.pmax(high, v128.shuffle<i32>(high, high, 2, 3, 2, 3));
    const nan = v128.any_true(unordered);
    const first = min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1));
    const last = max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1));
    // Adding 0 makes 0 of −0.
    store<f32>(at(least, c), nan ? <f32>NaN : first + 0);
    store<f32>(at(greatest, c), nan ? <f32>NaN : last + 0);
  }
}

/** Units: planes. */
export function quantizeChannels(
  q: usize,
  x: usize,
  scales: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  for (let plane = begin; plane < end; plane++) {
    const factor = f32x4.splat(32 * load<f32>(at(scales, plane % s.C)));
    let to = q + <usize>(plane * s.size);
    let from = at(x, plane * s.size);
    let left = s.size;
    for (; left >= 16; left -= 16, from += 64, to += 16) {
      const a = toIntegers(f32x4.mul(factor, v128.load(from)));
      const b = toIntegers(f32x4.mul(factor, v128.load(from, 16)));
      const c = toIntegers(f32x4.mul(factor, v128.load(from, 32)));
      const d = toIntegers(f32x4.mul(factor, v128.load(from, 48)));
      v128.store(to, narrow(a, b, c, d));
    }
    for (; left > 0; left--, from += 4, to++) {
      const one = toIntegers(f32x4.mul(factor, v128.load32_splat(from)));
      store<u8>(to, <u8>i8x16.extract_lane_s(narrow(one, one, one, one), 0));
    }
  }
}

/** Units: planes. */
export function dequantizeChannels(
  x: usize,
  q: usize,
  scales: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  const part = f32x4.splat(0.03125);
  for (let plane = begin; plane < end; plane++) {
    const scale = f32x4.splat(load<f32>(at(scales, plane % s.C)));
    let to = at(x, plane * s.size);
    let from = q + <usize>(plane * s.size);
    let left = s.size;
    for (; left >= 4; left -= 4, from += 4, to += 16) {
      v128.store(to, f32x4.div(f32x4.mul(widen(from), part), scale));
    }
    for (; left > 0; left--, from++, to += 4) {
      store<f32>(to, (<f32>(<i32>load<i8>(from)) * 0.03125) / f32x4.extract_lane(scale, 0));
    }
  }
}
