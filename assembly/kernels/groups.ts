/** Few bits a value, by groups; src/kernels/reference/groups.ts defines it. Units: groups, over all rows. */
import { loadBytes, lowBits, packWord, spreadWord, storeBytes } from "./mask";
import { loadSome, storeSome } from "./vector";

/** The shape as it lies in memory, and the forms of a range. */
@unmanaged
class GroupShape {
  rows: i32;
  size: i32;
  group: i32;
  range: i32;
}

const EXACT: i32 = 0;
const ENCLOSING: i32 = 2;

function groupBytes(group: i32, bits: i32): i32 {
  return (group * bits + 7) >> 3;
}

/** The bytes of the codes of all rows before `row`. */
function bytesBefore(row: i32, bits: usize, s: GroupShape, perRow: i32): usize {
  let sum: usize = 0;
  for (let r = 0; r < row; r++) sum += <usize>(perRow * groupBytes(s.group, load<u8>(bits + r)));
  return sum;
}

function mixWord(word: i32): i32 {
  let h = (word ^ (word >>> 16)) * 0x7feb352d;
  h = (h ^ (h >>> 15)) * <i32>0x846ca68b;
  return h ^ (h >>> 16);
}

/** The dither of the codec, of four values from index `first` on. */
function ditherAt(first: i32, key: i32): v128 {
  const index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  let h = i32x4.add(i32x4.mul(index, i32x4.splat(<i32>0x9e3779b9)), i32x4.splat(key));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(<i32>0x846ca68b));
  h = i32x4.shr_u(v128.xor(h, i32x4.shr_u(h, 16)), 9);
  const unit = f32x4.mul(f32x4.convert_i32x4_s(h), f32x4.splat(<f32>1.1920928955078125e-7));
  return f32x4.add(unit, f32x4.splat(<f32>(5.9604644775390625e-8 - 0.5)));
}

function min4(x: v128): f32 {
  const low = min(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1));
  return min(low, min(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}

function max4(x: v128): f32 {
  const high = max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1));
  return max(high, max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}

/** The nearest number of 16 bits, ties to even. */
function rounded(x: f32): u32 {
  const word = reinterpret<u32>(x);
  return (word + 0x7fff + ((word >> 16) & 1)) >> 16;
}

/** The largest number of 16 bits that is not above x. */
function below(x: f32): u32 {
  const word = reinterpret<u32>(x);
  return (word >> 31 !== 0 ? word + 0xffff : word) >> 16;
}

// @inline
function wide(half: u32): f32 {
  return reinterpret<f32>(half << 16);
}

function lowest(x: usize, count: i32, padded: bool): f32 {
  let least = f32x4.splat(padded ? 0 : load<f32>(x));
  let j = 0;
  for (; j + 4 <= count; j += 4) least = f32x4.min(least, v128.load(x + ((<usize>j) << 2)));
  let low = min4(least);
  for (; j < count; j++) low = min(low, load<f32>(x + ((<usize>j) << 2)));
  return low;
}

function highest(x: usize, count: i32, padded: bool): f32 {
  let most = f32x4.splat(padded ? 0 : load<f32>(x));
  let j = 0;
  for (; j + 4 <= count; j += 4) most = f32x4.max(most, v128.load(x + ((<usize>j) << 2)));
  let high = max4(most);
  for (; j < count; j++) high = max(high, load<f32>(x + ((<usize>j) << 2)));
  return high;
}

/** Four codes as i32. */
function codes(x: v128, least: v128, scale: v128, noise: v128, top: v128): v128 {
  let v = f32x4.add(f32x4.mul(f32x4.sub(x, least), scale), noise);
  v = f32x4.pmax(f32x4.splat(0), v);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.pmin(top, v)));
}

/** `random`: 0 rounds to nearest, 1 stochastically. */
export function quantizeGroups(
  packed: usize,
  ranges: usize,
  x: usize,
  bits: usize,
  shape: usize,
  seed: i32,
  random: i32,
  begin: i32,
  end: i32,
): void {
  const s = changetype<GroupShape>(shape);
  const perRow = (s.size + s.group - 1) / s.group;
  const key = mixWord(seed);
  let row = begin / perRow;
  let g = begin - row * perRow;
  let b = row < s.rows ? <i32>load<u8>(bits + row) : 0;
  let to = packed + bytesBefore(row, bits, s, perRow) + <usize>(g * groupBytes(s.group, b));
  for (let unit = begin; unit < end; unit++) {
    const from = x + ((<usize>(row * s.size + g * s.group)) << 2);
    const count = min(s.group, s.size - g * s.group);
    const padded = count < s.group;
    let least = lowest(from, count, padded);
    const high = highest(from, count, padded);
    const top = <f32>((1 << b) - 1);
    if (s.range === ENCLOSING) least = wide(below(least));
    const span = high - least;
    let scale: f32 = top / (span + <f32>2e-6);
    if (!(span < <f32>Infinity)) {
      least = reinterpret<f32>(0x7fc00000);
      scale = 1;
    }
    if (s.range === ENCLOSING) scale = wide(below(scale));
    if (s.range === EXACT) {
      const at = ranges + ((<usize>unit) << 3);
      store<f32>(at, least);
      store<f32>(at, scale, 4);
    } else {
      const at = ranges + ((<usize>unit) << 2);
      const finite = least === least;
      store<u16>(at, finite ? rounded(least) : 0x7fc0);
      store<u16>(at, rounded(scale), 2);
    }
    const tops = f32x4.splat(top);
    const leasts = f32x4.splat(least);
    const scales = f32x4.splat(scale);
    const first = unit * s.group;
    const ones = lowBits(b, 16);
    const twos = lowBits(2 * b, 32);
    const fours = lowBits(4 * b, 64);
    const zero = f32x4.splat(0);
    for (let j = 0; j < s.group; j += 8) {
      const left = count - j;
      const at = from + ((<usize>j) << 2);
      let x0 = zero;
      let x1 = zero;
      if (left >= 8) {
        x0 = v128.load(at);
        x1 = v128.load(at, 16);
      } else {
        if (left > 0) x0 = loadSome(at, left);
        if (left > 4) x1 = loadSome(at + 16, left - 4);
      }
      const q0 = codes(x0, leasts, scales, random ? ditherAt(first + j, key) : zero, tops);
      const q1 = codes(x1, leasts, scales, random ? ditherAt(first + j + 4, key) : zero, tops);
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(q0, q1), zero);
      const here = min(8, s.group - j);
      const kept = <u64>i64x2.extract_lane(bytes, 0) & (u64.MAX_VALUE >> (64 - (here << 3)));
      storeBytes(to + (j >> 3) * b, packWord(kept, b, ones, twos, fours), (here * b + 7) >> 3);
    }
    to += <usize>groupBytes(s.group, b);
    if (++g === perRow && ++row < s.rows) {
      g = 0;
      b = <i32>load<u8>(bits + row);
    }
  }
}

export function dequantizeGroups(
  x: usize,
  packed: usize,
  ranges: usize,
  bits: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<GroupShape>(shape);
  const perRow = (s.size + s.group - 1) / s.group;
  let row = begin / perRow;
  let g = begin - row * perRow;
  let b = row < s.rows ? <i32>load<u8>(bits + row) : 0;
  let from = packed + bytesBefore(row, bits, s, perRow) + <usize>(g * groupBytes(s.group, b));
  for (let unit = begin; unit < end; unit++) {
    const to = x + ((<usize>(row * s.size + g * s.group)) << 2);
    const count = min(s.group, s.size - g * s.group);
    const at = ranges + ((<usize>unit) << (s.range === EXACT ? 3 : 2));
    const least = s.range === EXACT ? load<f32>(at) : wide(load<u16>(at));
    const scale = s.range === EXACT ? load<f32>(at, 4) : wide(load<u16>(at, 2));
    const leasts = f32x4.splat(least);
    const scales = f32x4.splat(scale);
    const ones = lowBits(b, 16);
    const twos = lowBits(2 * b, 32);
    const fours = lowBits(4 * b, 64);
    for (let j = 0; j < count; j += 8) {
      const here = min(8, s.group - j);
      const codes = loadBytes(from + (j >> 3) * b, (here * b + 7) >> 3);
      const q = i16x8.extend_low_i8x16_u(i64x2.splat(spreadWord(codes, b, ones, twos, fours)));
      const q0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(q));
      const q1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(q));
      const x0 = f32x4.add(f32x4.div(q0, scales), leasts);
      const x1 = f32x4.add(f32x4.div(q1, scales), leasts);
      const at4 = to + ((<usize>j) << 2);
      const left = count - j;
      if (left >= 8) {
        v128.store(at4, x0);
        v128.store(at4, x1, 16);
      } else {
        storeSome(at4, x0, left);
        if (left > 4) storeSome(at4 + 16, x1, left - 4);
      }
    }
    from += <usize>groupBytes(s.group, b);
    if (++g === perRow && ++row < s.rows) {
      g = 0;
      b = <i32>load<u8>(bits + row);
    }
  }
}

/** Units: rows. */
export function groupSpans(energy: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<GroupShape>(shape);
  for (let row = begin; row < end; row++) {
    let sum: f32 = 0;
    for (let first = 0; first < s.size; first += s.group) {
      const from = x + ((<usize>(row * s.size + first)) << 2);
      const count = min(s.group, s.size - first);
      const padded = count < s.group;
      const span = highest(from, count, padded) - lowest(from, count, padded);
      sum += span * span;
    }
    store<f32>(energy + ((<usize>row) << 2), sum);
  }
}
