/** Few bits a value, by levels of channels; src/kernels/reference/levels.ts defines it. Units: planes. */
import { loadBytes, lowBits, packWord, spreadWord, storeBytes } from "./mask";
import { loadSome, storeSome } from "./vector";

@unmanaged
class LevelShape {
  N: i32;
  C: i32;
  size: i32;
}

function planeBytes(size: i32, bits: i32): i32 {
  return (size * bits + 7) >> 3;
}

/** The bytes of all planes before this one. */
function bytesBefore(plane: i32, bits: usize, s: LevelShape): usize {
  const image = plane / s.C;
  const channel = plane - image * s.C;
  let before: usize = 0;
  let all: usize = 0;
  for (let c = 0; c < s.C; c++) {
    if (c === channel) before = all;
    all += <usize>planeBytes(s.size, load<u8>(bits + c));
  }
  return <usize>image * all + before;
}

/** `floors`: 1 rounds down, 0 to the nearest. */
export function quantizeLevels(
  packed: usize,
  x: usize,
  levels: usize,
  bits: usize,
  shape: usize,
  floors: i32,
  begin: i32,
  end: i32,
): void {
  const s = changetype<LevelShape>(shape);
  const zero = f32x4.splat(0);
  let to = packed + bytesBefore(begin, bits, s);
  for (let plane = begin; plane < end; plane++) {
    const c = plane % s.C;
    const b = <i32>load<u8>(bits + c);
    const ones = lowBits(b, 16);
    const twos = lowBits(2 * b, 32);
    const fours = lowBits(4 * b, 64);
    const base = v128.load32_splat(levels + ((<usize>c) << 3));
    const step = v128.load32_splat(levels + ((<usize>c) << 3), 4);
    const top = f32x4.splat(<f32>((1 << b) - 1));
    const from = x + ((<usize>(plane * s.size)) << 2);
    for (let j = 0; j < s.size; j += 8) {
      const left = s.size - j;
      const at = from + ((<usize>j) << 2);
      let x0 = base;
      let x1 = base;
      if (left >= 8) {
        x0 = v128.load(at);
        x1 = v128.load(at, 16);
      } else {
        x0 = loadSome(at, left);
        if (left > 4) x1 = loadSome(at + 16, left - 4);
      }
      let v0 = f32x4.div(f32x4.sub(x0, base), step);
      let v1 = f32x4.div(f32x4.sub(x1, base), step);
      v0 = f32x4.pmin(top, f32x4.pmax(zero, floors ? f32x4.floor(v0) : v0));
      v1 = f32x4.pmin(top, f32x4.pmax(zero, floors ? f32x4.floor(v1) : v1));
      const q0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(v0));
      const q1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(v1));
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(q0, q1), zero);
      const here = min(8, left);
      const kept = <u64>i64x2.extract_lane(bytes, 0) & (u64.MAX_VALUE >> (64 - (here << 3)));
      storeBytes(to + (j >> 3) * b, packWord(kept, b, ones, twos, fours), (here * b + 7) >> 3);
    }
    to += <usize>planeBytes(s.size, b);
  }
}

export function dequantizeLevels(
  x: usize,
  packed: usize,
  levels: usize,
  bits: usize,
  shape: usize,
  middle: f32,
  begin: i32,
  end: i32,
): void {
  const s = changetype<LevelShape>(shape);
  const middles = f32x4.splat(middle);
  let from = packed + bytesBefore(begin, bits, s);
  for (let plane = begin; plane < end; plane++) {
    const c = plane % s.C;
    const b = <i32>load<u8>(bits + c);
    const ones = lowBits(b, 16);
    const twos = lowBits(2 * b, 32);
    const fours = lowBits(4 * b, 64);
    const base = v128.load32_splat(levels + ((<usize>c) << 3));
    const step = v128.load32_splat(levels + ((<usize>c) << 3), 4);
    const to = x + ((<usize>(plane * s.size)) << 2);
    for (let j = 0; j < s.size; j += 8) {
      const left = s.size - j;
      const codes = loadBytes(from + (j >> 3) * b, (min(8, left) * b + 7) >> 3);
      const q = i16x8.extend_low_i8x16_u(i64x2.splat(spreadWord(codes, b, ones, twos, fours)));
      const q0 = f32x4.add(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(q)), middles);
      const q1 = f32x4.add(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(q)), middles);
      const x0 = f32x4.add(f32x4.mul(q0, step), base);
      const x1 = f32x4.add(f32x4.mul(q1, step), base);
      const at = to + ((<usize>j) << 2);
      if (left >= 8) {
        v128.store(at, x0);
        v128.store(at, x1, 16);
      } else {
        storeSome(at, x0, left);
        if (left > 4) storeSome(at + 16, x1, left - 4);
      }
    }
    from += <usize>planeBytes(s.size, b);
  }
}
