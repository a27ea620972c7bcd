/** Fixed-point numbers; src/kernels/fixed-point.ts defines them. */
import { loadSome } from "./vector";

@unmanaged
class FixedShape {
  N: i32;
  C: i32;
  size: i32;
  isSigned: i32;
  isSparse: i32;
}

// @inline
function codes(x: v128, scale: v128, steps: v128, least: v128, most: v128): v128 {
  const scaled = f32x4.nearest(f32x4.mul(f32x4.mul(x, scale), steps));
  return i32x4.max_s(least, i32x4.min_s(most, i32x4.trunc_sat_f32x4_s(scaled)));
}

// @inline
function leastOf(b: i32, s: FixedShape): v128 {
  return i32x4.splat(s.isSigned ? -(1 << b) : 0);
}

// @inline
function mostOf(b: i32, s: FixedShape): v128 {
  return i32x4.splat((1 << b) - s.isSigned);
}

/** Units: planes. */
export function fixedCounts(
  counts: usize,
  x: usize,
  scales: usize,
  bits: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<FixedShape>(shape);
  for (let plane = begin; plane < end; plane++) {
    const c = plane % s.C;
    const b = <i32>load<u8>(bits + c);
    const scale = v128.load32_splat(scales + ((<usize>c) << 2));
    const steps = f32x4.splat(<f32>(1 << b));
    const least = leastOf(b, s);
    const most = mostOf(b, s);
    const from = x + ((<usize>(plane * s.size)) << 2);
    let count = 0;
    for (let i = 0; i < s.size; i += 4) {
      const q = codes(loadSome(from + ((<usize>i) << 2), s.size - i), scale, steps, least, most);
      count += popcnt(
        i32x4.bitmask(i32x4.ne(q, i32x4.splat(0))) & (i + 4 <= s.size ? 15 : (1 << (s.size - i)) - 1),
      );
    }
    store<u32>(counts + ((<usize>plane) << 2), count);
  }
}

/** Units: images. */
export function packFixed(
  packed: usize,
  x: usize,
  scales: usize,
  bits: usize,
  starts: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<FixedShape>(shape);
  for (let n = begin; n < end; n++) {
    let to = packed + <usize>load<u32>(starts + ((<usize>n) << 2));
    let held: u64 = 0;
    let count: u64 = 0;
    if (s.isSparse) {
      for (let c = 0; c < s.C; c++) {
        const b = <i32>load<u8>(bits + c);
        const scale = v128.load32_splat(scales + ((<usize>c) << 2));
        const steps = f32x4.splat(<f32>(1 << b));
        const least = leastOf(b, s);
        const most = mostOf(b, s);
        const from = x + ((<usize>((n * s.C + c) * s.size)) << 2);
        for (let i = 0; i < s.size; i += 4) {
          const left = min(4, s.size - i);
          const q = codes(loadSome(from + ((<usize>i) << 2), left), scale, steps, least, most);
          const marks = i32x4.bitmask(i32x4.ne(q, i32x4.splat(0))) & ((1 << left) - 1);
          held |= (<u64>marks) << count;
          count += left;
          if (count >= 32) {
            store<u32>(to, <u32>held);
            to += 4;
            held >>= 32;
            count -= 32;
          }
        }
      }
    }
    for (let c = 0; c < s.C; c++) {
      const b = <i32>load<u8>(bits + c);
      const scale = v128.load32_splat(scales + ((<usize>c) << 2));
      const steps = f32x4.splat(<f32>(1 << b));
      const least = leastOf(b, s);
      const most = mostOf(b, s);
      const width = <u64>(b + (s.isSigned || !s.isSparse ? 1 : 0));
      const shift = i32x4.splat(s.isSigned ? 1 << b : 0);
      const from = x + ((<usize>((n * s.C + c) * s.size)) << 2);
      for (let i = 0; i < s.size; i += 4) {
        const left = min(4, s.size - i);
        let q = codes(loadSome(from + ((<usize>i) << 2), left), scale, steps, least, most);
        if (!s.isSparse) {
          q = i32x4.add(q, shift);
          // Two codes make at most 34 bits, beside at most 31 that are held: one at a time where they are wide.
          for (let k = 0; k < left; k++) {
            held |= (<u64>(<u32>lane(q, k))) << count;
            count += width;
            if (count >= 32) {
              store<u32>(to, <u32>held);
              to += 4;
              held >>= 32;
              count -= 32;
            }
          }
          continue;
        }
        let kept = i32x4.bitmask(i32x4.ne(q, i32x4.splat(0))) & ((1 << left) - 1);
        if (kept === 0) continue;
        // A comparison is −1 where it holds.
        q = i32x4.add(i32x4.add(q, i32x4.gt_s(q, i32x4.splat(0))), shift);
        for (; kept !== 0; kept &= kept - 1) {
          held |= (<u64>(<u32>lane(q, ctz(kept)))) << count;
          count += width;
          if (count >= 32) {
            store<u32>(to, <u32>held);
            to += 4;
            held >>= 32;
            count -= 32;
          }
        }
      }
    }
    for (; count > 0; count -= min(count, 8)) {
      store<u8>(to++, <u8>held);
      held >>= 8;
    }
  }
}

// @inline
function lane(q: v128, k: i32): i32 {
  if (k === 0) return i32x4.extract_lane(q, 0);
  if (k === 1) return i32x4.extract_lane(q, 1);
  return k === 2 ? i32x4.extract_lane(q, 2) : i32x4.extract_lane(q, 3);
}

/** Units: images. */
export function unpackFixed(
  x: usize,
  packed: usize,
  scales: usize,
  bits: usize,
  starts: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<FixedShape>(shape);
  for (let n = begin; n < end; n++) {
    const image = packed + <usize>load<u32>(starts + ((<usize>n) << 2));
    const last = packed + <usize>load<u32>(starts + ((<usize>(n + 1)) << 2));
    const masked = s.isSparse ? s.C * s.size : 0;
    let from = image + (masked >> 3);
    let held: u64 = 0;
    let count: i32 = 0;
    if (masked & 7) {
      held = <u64>load<u8>(from++) >> (masked & 7);
      count = 8 - (masked & 7);
    }
    let to = x + ((<usize>(n * s.C * s.size)) << 2);
    let mark = 0;
    for (let c = 0; c < s.C; c++) {
      const b = <i32>load<u8>(bits + c);
      const width = b + (s.isSigned || !s.isSparse ? 1 : 0);
      const ones = ((<u64>1) << width) - 1;
      const shift = s.isSigned ? 1 << b : 0;
      const step = <f32>(1.0 / <f64>(1 << b) / <f64>load<f32>(scales + ((<usize>c) << 2)));
      for (let i = 0; i < s.size; i++, to += 4) {
        if (s.isSparse) {
          const kept = (<i32>load<u8>(image + <usize>(mark >> 3)) >> (mark & 7)) & 1;
          mark++;
          if (!kept) {
            store<f32>(to, 0);
            continue;
          }
        }
        if (count < width) {
          if (from + 4 <= last) {
            held |= (<u64>load<u32>(from)) << count;
            from += 4;
            count += 32;
          } else {
            for (; count < width; count += 8) held |= (<u64>load<u8>(from++)) << count;
          }
        }
        let code = <i32>(held & ones) - shift;
        held >>= width;
        count -= width;
        if (s.isSparse && code >= 0) code++;
        store<f32>(to, <f32>code * step);
      }
    }
  }
}
