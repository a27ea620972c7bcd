/**
 * The cosine transform of 8 × 8 blocks, in the order of src/kernels/reference/dct.ts. Units: rows of blocks.
 *
 * Workspace:  0 the block, 8 × 8 floats  |  256 the table as floats  |  512 one scale for each row of the block
 */
import { narrow, toIntegers, widen } from "./scale";
import { storeColumns } from "./vector";

const c1: f32 = 0.4903926402016152;
const c2: f32 = 0.46193976625564337;
const c3: f32 = 0.4157348061512726;
const c4: f32 = 0.35355339059327373;
const c5: f32 = 0.2777851165098011;
const c6: f32 = 0.1913417161825449;
const c7: f32 = 0.09754516100806417;

@unmanaged
class Picture {
  C: i32;
  H: i32;
  W: i32;
  across: i32;
  top: i32;
  left: i32;
}

/** The table follows the six numbers of the shape. */
const tableOffset: usize = 24;
const scalesOffset: usize = 512;

// @inline
function times(x: v128, c: f32): v128 {
  return f32x4.mul(x, f32x4.splat(c));
}

// @inline
function sum(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(f32x4.add(a, b), c), d);
}

/** Transforms four columns of the block in place, from p on. */
function forward(p: usize): void {
  const x0 = v128.load(p);
  const x1 = v128.load(p, 32);
  const x2 = v128.load(p, 64);
  const x3 = v128.load(p, 96);
  const x4 = v128.load(p, 128);
  const x5 = v128.load(p, 160);
  const x6 = v128.load(p, 192);
  const x7 = v128.load(p, 224);
  const s0 = f32x4.add(x0, x7);
  const s1 = f32x4.add(x1, x6);
  const s2 = f32x4.add(x2, x5);
  const s3 = f32x4.add(x3, x4);
  const d0 = f32x4.sub(x0, x7);
  const d1 = f32x4.sub(x1, x6);
  const d2 = f32x4.sub(x2, x5);
  const d3 = f32x4.sub(x3, x4);
  v128.store(p, sum(times(s0, c4), times(s1, c4), times(s2, c4), times(s3, c4)));
  v128.store(p, sum(times(d0, c1), times(d1, c3), times(d2, c5), times(d3, c7)), 32);
  v128.store(p, sum(times(s0, c2), times(s1, c6), times(s2, -c6), times(s3, -c2)), 64);
  v128.store(p, sum(times(d0, c3), times(d1, -c7), times(d2, -c1), times(d3, -c5)), 96);
  v128.store(p, sum(times(s0, c4), times(s1, -c4), times(s2, -c4), times(s3, c4)), 128);
  v128.store(p, sum(times(d0, c5), times(d1, -c1), times(d2, c7), times(d3, c3)), 160);
  v128.store(p, sum(times(s0, c6), times(s1, -c2), times(s2, c2), times(s3, -c6)), 192);
  v128.store(p, sum(times(d0, c7), times(d1, -c5), times(d2, c3), times(d3, -c1)), 224);
}

function inverse(p: usize): void {
  const y0 = times(v128.load(p), c4);
  const y1 = v128.load(p, 32);
  const y2 = v128.load(p, 64);
  const y3 = v128.load(p, 96);
  const y4 = times(v128.load(p, 128), c4);
  const y5 = v128.load(p, 160);
  const y6 = v128.load(p, 192);
  const y7 = v128.load(p, 224);
  const minusY4 = f32x4.neg(y4);
  const e0 = sum(y0, times(y2, c2), y4, times(y6, c6));
  const e1 = sum(y0, times(y2, c6), minusY4, times(y6, -c2));
  const e2 = sum(y0, times(y2, -c6), minusY4, times(y6, c2));
  const e3 = sum(y0, times(y2, -c2), y4, times(y6, -c6));
  const o0 = sum(times(y1, c1), times(y3, c3), times(y5, c5), times(y7, c7));
  const o1 = sum(times(y1, c3), times(y3, -c7), times(y5, -c1), times(y7, -c5));
  const o2 = sum(times(y1, c5), times(y3, -c1), times(y5, c7), times(y7, c3));
  const o3 = sum(times(y1, c7), times(y3, -c5), times(y5, c3), times(y7, -c1));
  v128.store(p, f32x4.add(e0, o0));
  v128.store(p, f32x4.add(e1, o1), 32);
  v128.store(p, f32x4.add(e2, o2), 64);
  v128.store(p, f32x4.add(e3, o3), 96);
  v128.store(p, f32x4.sub(e3, o3), 128);
  v128.store(p, f32x4.sub(e2, o2), 160);
  v128.store(p, f32x4.sub(e1, o1), 192);
  v128.store(p, f32x4.sub(e0, o0), 224);
}

function transpose(b: usize): void {
  const right0 = v128.load(b, 16);
  const right1 = v128.load(b, 48);
  const right2 = v128.load(b, 80);
  const right3 = v128.load(b, 112);
  storeColumns(b, 32, v128.load(b), v128.load(b, 32), v128.load(b, 64), v128.load(b, 96));
  const low = b + 128;
  storeColumns(b + 16, 32, v128.load(low), v128.load(low, 32), v128.load(low, 64), v128.load(low, 96));
  const corner = b + 144;
  storeColumns(
    corner,
    32,
    v128.load(corner),
    v128.load(corner, 32),
    v128.load(corner, 64),
    v128.load(corner, 96),
  );
  storeColumns(low, 32, right0, right1, right2, right3);
}

/** Writes the table and, for each row of the blocks in row `down`, the scale. */
function prepare(workspace: usize, scales: usize, shape: usize, down: i32): void {
  const s = changetype<Picture>(shape);
  for (let i: usize = 0; i < 256; i += 16) {
    v128.store(workspace + 256 + i, f32x4.convert_i32x4_s(v128.load(shape + tableOffset + i)));
  }
  for (let r = 0; r < 8; r++) {
    const row = 8 * down + r - s.top;
    const c = row < 0 ? 0 : (row / s.H) % s.C;
    store<f32>(workspace + scalesOffset + ((<usize>r) << 2), load<f32>(scales + ((<usize>c) << 2)));
  }
}

/** The address of the value in row r of block (down, across), which may lie left of the row. */
// @inline
function placeOf(x: usize, s: Picture, row: i32, across: i32): usize {
  return x + ((<usize>(row * s.W + 8 * across - s.left)) << 2);
}

export function dctForward(
  k: usize,
  x: usize,
  scales: usize,
  shape: usize,
  flag: i32,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Picture>(shape);
  const least = i32x4.splat(-128);
  const most = i32x4.splat(127);
  for (let down = begin; down < end; down++) {
    prepare(workspace, scales, shape, down);
    for (let across = 0; across < s.across; across++) {
      const skipped = max(0, s.left - 8 * across);
      for (let r = 0; r < 8; r++) {
        const row = 8 * down + r - s.top;
        const to = workspace + ((<usize>r) << 5);
        const from = placeOf(x, s, row, across);
        if (row < 0 || skipped > 0) memory.fill(to, 0, 32);
        if (row < 0) continue;
        if (skipped > 0) {
          const offset = (<usize>skipped) << 2;
          memory.copy(to + offset, from + offset, 32 - offset);
        } else {
          v128.store(to, v128.load(from));
          v128.store(to, v128.load(from, 16), 16);
        }
        const factor = f32x4.splat(32 * load<f32>(workspace + scalesOffset + ((<usize>r) << 2)));
        v128.store(to, clipped(f32x4.mul(factor, v128.load(to)), least, most));
        v128.store(to, clipped(f32x4.mul(factor, v128.load(to, 16)), least, most), 16);
      }
      forward(workspace);
      forward(workspace + 16);
      transpose(workspace);
      forward(workspace);
      forward(workspace + 16);
      transpose(workspace);
      const block = k + <usize>(64 * (down * s.across + across));
      for (let i: usize = 0; i < 64; i += 16) {
        const at = workspace + (i << 2);
        v128.store(block + i, narrow(divided(at), divided(at + 16), divided(at + 32), divided(at + 48)));
      }
    }
  }
}

/** Four scaled values as whole numbers of 8 bits. */
// @inline
function clipped(x: v128, least: v128, most: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.min_s(most, i32x4.max_s(least, toIntegers(x))));
}

/** Four coefficients, rounded, divided by the table and cut. */
// @inline
function divided(at: usize): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.div(f32x4.nearest(v128.load(at)), v128.load(at, 256)));
}

export function dctInverse(
  x: usize,
  k: usize,
  scales: usize,
  shape: usize,
  rectify: i32,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Picture>(shape);
  const large = f32x4.splat(12582912);
  const part = f32x4.splat(0.03125);
  const zero = f32x4.splat(0);
  for (let down = begin; down < end; down++) {
    prepare(workspace, scales, shape, down);
    for (let across = 0; across < s.across; across++) {
      const block = k + <usize>(64 * (down * s.across + across));
      for (let i: usize = 0; i < 64; i += 4) {
        const at = workspace + (i << 2);
        v128.store(at, f32x4.mul(widen(block + i), v128.load(at, 256)));
      }
      inverse(workspace);
      inverse(workspace + 16);
      transpose(workspace);
      inverse(workspace);
      inverse(workspace + 16);
      transpose(workspace);
      const skipped = max(0, s.left - 8 * across);
      for (let r = 0; r < 8; r++) {
        const row = 8 * down + r - s.top;
        if (row < 0) continue;
        const from = workspace + ((<usize>r) << 5);
        const scale = f32x4.splat(load<f32>(workspace + scalesOffset + ((<usize>r) << 2)));
        // Adding and subtracting leaves no −0.
        let a = f32x4.sub(f32x4.add(v128.load(from), large), large);
        let b = f32x4.sub(f32x4.add(v128.load(from, 16), large), large);
        a = f32x4.div(f32x4.mul(a, part), scale);
        b = f32x4.div(f32x4.mul(b, part), scale);
        if (rectify) {
          a = f32x4.max(a, zero);
          b = f32x4.max(b, zero);
        }
        const to = placeOf(x, s, row, across);
        if (skipped > 0) {
          const offset = (<usize>skipped) << 2;
          v128.store(from, a);
          v128.store(from, b, 16);
          memory.copy(to + offset, from + offset, 32 - offset);
        } else {
          v128.store(to, a);
          v128.store(to, b, 16);
        }
      }
    }
  }
}
