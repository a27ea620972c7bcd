/**
 * Pooling of each plane; src/kernels/reference/pool.ts defines it. Units: planes. The forward kernels compute
 * four neighbouring outputs as lanes if their windows lie inside the plane's columns; outputs at the edges
 * are computed singly.
 */
import { evens, gather, odds, pairHigh, pairLow } from "./vector";

@unmanaged
class PoolShape {
  planes: i32;
  H: i32;
  W: i32;
  R: i32;
  S: i32;
  P: i32;
  Q: i32;
  stride: i32;
  padding: i32;
}

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** The first row (or column) of a window that lies inside the plane. */
function firstOf(output: i32, s: PoolShape): i32 {
  return max(output * s.stride - s.padding, 0);
}
/** The end of the rows (or columns) of a window that lie inside the plane. */
function lastOf(output: i32, window: i32, size: i32, s: PoolShape): i32 {
  return min(output * s.stride - s.padding + window, size);
}

/**
 * True for 2 × 2 windows side by side that all lie inside the plane, as in most networks. The inputs of four
 * outputs then lie in two rows of eight. The last four outputs of a row may overlap those before; they give
 * the same results again.
 */
function isHalving(s: PoolShape): bool {
  const side = s.R === 2 && s.S === 2 && s.stride === 2 && s.padding === 0;
  return side && 2 * s.P <= s.H && 2 * s.Q <= s.W && s.Q >= 4;
}

/** The first output of a row whose window begins inside the plane. */
function firstInside(s: PoolShape): i32 {
  return (s.padding + s.stride - 1) / s.stride;
}

/** The first output of a row whose window ends outside the plane. */
function firstOutside(s: PoolShape): i32 {
  return s.W + s.padding < s.S ? 0 : min(s.Q, (s.W + s.padding - s.S) / s.stride + 1);
}

export function maxPool(y: usize, index: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  const inside = firstInside(s);
  const outside = firstOutside(s);
  const halving = isHalving(s);
  for (let plane = begin; plane < end; plane++) {
    const from = at(x, plane * s.H * s.W);
    if (halving) {
      for (let p = 0, output = plane * s.P * s.Q; p < s.P; p++, output += s.Q) {
        const row = at(from, (p * s.W) << 1);
        for (let i = 0; i < s.Q; i += 4) {
          const q = min(i, s.Q - 4);
          largestOfSquares(at(y, output + q), index + output + q, at(row, q << 1), s.W);
        }
      }
      continue;
    }
    for (let p = 0; p < s.P; p++) {
      const output = (plane * s.P + p) * s.Q;
      for (let q = 0; q < s.Q; ) {
        // The last four outputs inside may overlap those before; they give the same results again.
        if (q > outside - 4 && q < outside && outside - 4 >= inside) q = outside - 4;
        if (q >= inside && q + 4 <= outside) {
          fourLargest(at(y, output + q), index + output + q, from, s, p, q);
          q += 4;
        } else {
          largest(at(y, output + q), index + output + q, from, s, p, q);
          q++;
        }
      }
    }
  }
}

function largest(y: usize, index: usize, plane: usize, s: PoolShape, p: i32, q: i32): void {
  const firstRow = firstOf(p, s);
  const firstColumn = firstOf(q, s);
  const lastRow = lastOf(p, s.R, s.H, s);
  const lastColumn = lastOf(q, s.S, s.W, s);
  const corner = (p * s.stride - s.padding) * s.S + q * s.stride - s.padding;
  let most = load<f32>(at(plane, firstRow * s.W + firstColumn));
  let found = firstRow * s.S + firstColumn - corner;
  for (let h = firstRow; h < lastRow; h++) {
    for (let w = firstColumn; w < lastColumn; w++) {
      const value = load<f32>(at(plane, h * s.W + w));
      if (value > most || (value !== value && most === most)) {
        most = value;
        found = h * s.S + w - corner;
      }
    }
  }
  store<f32>(y, most);
  store<u8>(index, found);
}

function fourLargest(y: usize, index: usize, plane: usize, s: PoolShape, p: i32, q: i32): void {
  const firstRow = firstOf(p, s);
  const lastRow = lastOf(p, s.R, s.H, s);
  const column = q * s.stride - s.padding;
  let position = (firstRow - (p * s.stride - s.padding)) * s.S;
  let most = gather(at(plane, firstRow * s.W + column), s.stride);
  let found = i32x4.splat(position);
  for (let h = firstRow; h < lastRow; h++) {
    let from = at(plane, h * s.W + column);
    for (let t = 0; t < s.S; t++, position++, from += 4) {
      const value = gather(from, s.stride);
      const better = isBetter(value, most);
      most = v128.bitselect(value, most, better);
      found = v128.bitselect(i32x4.splat(position), found, better);
    }
  }
  v128.store(y, most);
  storeBytes(index, found);
}

/**
 * The maxima of four 2 × 2 squares: | a0 b0 a1 b1 … | above | c0 d0 c1 d1 … |, compared in the order a b c d.
 */
function largestOfSquares(y: usize, index: usize, x: usize, W: i32): void {
  const below = x + ((<usize>W) << 2);
  const ab = v128.load(x);
  const ab2 = v128.load(x, 16);
  const cd = v128.load(below);
  const cd2 = v128.load(below, 16);
  const a = evens(ab, ab2);
  const b = odds(ab, ab2);
  const isB = isBetter(b, a);
  const upper = v128.bitselect(b, a, isB);
  const c = evens(cd, cd2);
  const isC = isBetter(c, upper);
  const three = v128.bitselect(c, upper, isC);
  const d = odds(cd, cd2);
  const isD = isBetter(d, three);
  v128.store(y, v128.bitselect(d, three, isD));
  const place = v128.bitselect(i32x4.splat(2), v128.and(isB, i32x4.splat(1)), isC);
  storeBytes(index, v128.bitselect(i32x4.splat(3), place, isD));
}

/** True where `value` is larger than `most` or the first NaN. */
function isBetter(value: v128, most: v128): v128 {
  const firstNaN = v128.and(f32x4.ne(value, value), f32x4.eq(most, most));
  return v128.or(f32x4.gt(value, most), firstNaN);
}

/** Stores the low bytes of the four lanes side by side. */
function storeBytes(to: usize, x: v128): void {
  v128.store_lane<u32>(to, v128.shuffle<i8>(x, x, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
}

export function maxPoolBackward(
  dx: usize,
  dy: usize,
  index: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<PoolShape>(shape);
  // found / S for found < 256 is a multiplication with a number a little above 2^16/S, and a shift.
  const inverseS = 65536 / s.S + 1;
  const halving = isHalving(s);
  const covers = halving && 2 * s.P === s.H && 2 * s.Q === s.W;
  for (let plane = begin; plane < end; plane++) {
    const to = at(dx, plane * s.H * s.W);
    if (!covers) memory.fill(to, 0, (<usize>(s.H * s.W)) << 2);
    let output = plane * s.P * s.Q;
    for (let p = 0; p < s.P; p++) {
      if (halving) {
        const row = at(to, (p * s.W) << 1);
        for (let i = 0; i < s.Q; i += 4) {
          const q = min(i, s.Q - 4);
          spreadToSquares(at(row, q << 1), s.W, at(dy, output + q), index + output + q);
        }
        output += s.Q;
        continue;
      }
      const corner = (p * s.stride - s.padding) * s.W - s.padding;
      for (let q = 0; q < s.Q; q++, output++) {
        const found = <i32>load<u8>(index + output);
        const r = (found * inverseS) >> 16;
        const cell = at(to, corner + r * s.W + q * s.stride + found - r * s.S);
        store<f32>(cell, load<f32>(cell) + load<f32>(at(dy, output)));
      }
    }
  }
}

/** Writes each of four gradients to its place in a 2 × 2 square of zeros. */
function spreadToSquares(to: usize, W: i32, dy: usize, index: usize): void {
  // The definition adds dy to 0, which never gives −0; adding 0 here does the same.
  const values = f32x4.add(v128.load(dy), f32x4.splat(0));
  const found = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(index)));
  const a = v128.and(values, i32x4.eq(found, i32x4.splat(0)));
  const b = v128.and(values, i32x4.eq(found, i32x4.splat(1)));
  const c = v128.and(values, i32x4.eq(found, i32x4.splat(2)));
  const d = v128.and(values, i32x4.eq(found, i32x4.splat(3)));
  const below = to + ((<usize>W) << 2);
  v128.store(to, pairLow(a, b));
  v128.store(to, pairHigh(a, b), 16);
  v128.store(below, pairLow(c, d));
  v128.store(below, pairHigh(c, d), 16);
}

export function avgPool(y: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  const inside = firstInside(s);
  const outside = firstOutside(s);
  const area = <f32>(s.R * s.S);
  const areas = f32x4.splat(area);
  for (let plane = begin; plane < end; plane++) {
    const from = at(x, plane * s.H * s.W);
    for (let p = 0; p < s.P; p++) {
      const output = at(y, (plane * s.P + p) * s.Q);
      for (let q = 0; q < s.Q; ) {
        if (q > outside - 4 && q < outside && outside - 4 >= inside) q = outside - 4;
        if (q >= inside && q + 4 <= outside) {
          v128.store(at(output, q), f32x4.div(fourSums(from, s, p, q), areas));
          q += 4;
        } else {
          store<f32>(at(output, q), windowSum(from, s, p, q) / area);
          q++;
        }
      }
    }
  }
}

function windowSum(plane: usize, s: PoolShape, p: i32, q: i32): f32 {
  const lastRow = lastOf(p, s.R, s.H, s);
  const lastColumn = lastOf(q, s.S, s.W, s);
  let sum: f32 = 0;
  for (let h = firstOf(p, s); h < lastRow; h++) {
    for (let w = firstOf(q, s); w < lastColumn; w++) sum += load<f32>(at(plane, h * s.W + w));
  }
  return sum;
}

function fourSums(plane: usize, s: PoolShape, p: i32, q: i32): v128 {
  const lastRow = lastOf(p, s.R, s.H, s);
  const column = q * s.stride - s.padding;
  let sums = f32x4.splat(0);
  for (let h = firstOf(p, s); h < lastRow; h++) {
    let from = at(plane, h * s.W + column);
    for (let t = 0; t < s.S; t++, from += 4) sums = f32x4.add(sums, gather(from, s.stride));
  }
  return sums;
}

/** Takes the windows in order; within one, each cell gets its share, one row of the window at a time. */
export function avgPoolBackward(dx: usize, dy: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  const area = <f32>(s.R * s.S);
  for (let plane = begin; plane < end; plane++) {
    const to = at(dx, plane * s.H * s.W);
    memory.fill(to, 0, (<usize>(s.H * s.W)) << 2);
    let output = at(dy, plane * s.P * s.Q);
    for (let p = 0; p < s.P; p++) {
      const lastRow = lastOf(p, s.R, s.H, s);
      for (let q = 0; q < s.Q; q++, output += 4) {
        const share = load<f32>(output) / area;
        const shares = f32x4.splat(share);
        const firstColumn = firstOf(q, s);
        const lastColumn = lastOf(q, s.S, s.W, s);
        for (let h = firstOf(p, s); h < lastRow; h++) {
          let cell = at(to, h * s.W + firstColumn);
          const last = at(to, h * s.W + lastColumn);
          for (; cell + 16 <= last; cell += 16) v128.store(cell, f32x4.add(v128.load(cell), shares));
          for (; cell < last; cell += 4) store<f32>(cell, load<f32>(cell) + share);
        }
      }
    }
  }
}
