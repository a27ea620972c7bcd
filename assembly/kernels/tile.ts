/**
 * The micro-kernel of every matrix product and convolution, and the functions around it.
 *
 *              b: 8 lanes              acc[i][j] += Σ_l  a_i[offset[l]] · b[l][j]      l ascending, one chain each
 *            ┌──────────┐
 *   a_0 … a_3│ 4 × 8    │              a_i:  four rows anywhere in memory, read at the offsets of a table (bytes).
 *            └──────────┘                    Matrix rows and window positions are both such rows: a is not copied.
 *                                      b:    a panel, 8 floats for each l, packed
 *
 * 8 accumulators, 2 vectors of b, 1 broadcast and 1 product fit in the 15 vector registers.
 */
import { plusProduct } from "./product";
import {
  joinHigh,
  joinLow,
  loadSome,
  pairHigh,
  pairLow,
  storeColumns,
  storeSome,
  storeSomeColumns,
} from "./vector";

export const tileRows: i32 = 4;
export const tileLanes: i32 = 8;
/** Bytes of acc (4 rows of 8 floats) and of one row. */
export const tileBytes: i32 = 128;
export const rowBytes: i32 = 32;

/**
 * The longest piece of a chain that is computed at once. Its panel of b (32 bytes a step) then stays in the
 * L1 cache.
 */
const deepest: i32 = 512;

/** The length of the equal pieces into which a chain of `depth` is cut, none longer than `deepest`. */
export function pieceOf(depth: i32): i32 {
  const pieces = (depth + deepest - 1) / deepest;
  return pieces > 0 ? (depth + pieces - 1) / pieces : 1;
}

/**
 * The rows of c are `pitch` bytes apart, the steps of b `step` bytes. Chains begin at the values of the rows
 * at `from`, which are `fromPitch` bytes apart: the rows of c itself to continue chains, or one row for all.
 */
export function multiplyRows(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  offsets: usize,
  b: usize,
  step: usize,
  depth: i32,
  c: usize,
  pitch: usize,
  from: usize,
  fromPitch: usize,
): void {
  let c00 = v128.load(from);
  let c01 = v128.load(from, 16);
  from += fromPitch;
  let c10 = v128.load(from);
  let c11 = v128.load(from, 16);
  from += fromPitch;
  let c20 = v128.load(from);
  let c21 = v128.load(from, 16);
  from += fromPitch;
  let c30 = v128.load(from);
  let c31 = v128.load(from, 16);
  for (; depth > 0; depth--) {
    const at = <usize>load<u32>(offsets);
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let a = v128.load32_splat(a0 + at);
    c00 = plusProduct(c00, a, b0);
    c01 = plusProduct(c01, a, b1);
    a = v128.load32_splat(a1 + at);
    c10 = plusProduct(c10, a, b0);
    c11 = plusProduct(c11, a, b1);
    a = v128.load32_splat(a2 + at);
    c20 = plusProduct(c20, a, b0);
    c21 = plusProduct(c21, a, b1);
    a = v128.load32_splat(a3 + at);
    c30 = plusProduct(c30, a, b0);
    c31 = plusProduct(c31, a, b1);
    offsets += 4;
    b += step;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += pitch;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += pitch;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += pitch;
  v128.store(c, c30);
  v128.store(c, c31, 16);
}

/**
 * multiplyRows for four packed rows of a, | l = 0: a0 a1 a2 a3 | l = 1: … |. It needs no table, and computes
 * two steps per iteration. The exit between the two steps also serves the compiler: without it, the compiler
 * would move the loads of the second step before the products of the first one, and run out of registers.
 */
export function multiplyPacked(
  a: usize,
  b: usize,
  step: usize,
  depth: i32,
  c: usize,
  pitch: usize,
  from: usize,
  fromPitch: usize,
): void {
  let c00 = v128.load(from);
  let c01 = v128.load(from, 16);
  from += fromPitch;
  let c10 = v128.load(from);
  let c11 = v128.load(from, 16);
  from += fromPitch;
  let c20 = v128.load(from);
  let c21 = v128.load(from, 16);
  from += fromPitch;
  let c30 = v128.load(from);
  let c31 = v128.load(from, 16);
  while (depth > 0) {
    {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const s0 = v128.load32_splat(a);
      c00 = plusProduct(c00, s0, b0);
      c01 = plusProduct(c01, s0, b1);
      const s1 = v128.load32_splat(a, 4);
      c10 = plusProduct(c10, s1, b0);
      c11 = plusProduct(c11, s1, b1);
      const s2 = v128.load32_splat(a, 8);
      c20 = plusProduct(c20, s2, b0);
      c21 = plusProduct(c21, s2, b1);
      const s3 = v128.load32_splat(a, 12);
      c30 = plusProduct(c30, s3, b0);
      c31 = plusProduct(c31, s3, b1);
    }
    if (depth === 1) break;
    {
      b += step;
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const s0 = v128.load32_splat(a, 16);
      c00 = plusProduct(c00, s0, b0);
      c01 = plusProduct(c01, s0, b1);
      const s1 = v128.load32_splat(a, 20);
      c10 = plusProduct(c10, s1, b0);
      c11 = plusProduct(c11, s1, b1);
      const s2 = v128.load32_splat(a, 24);
      c20 = plusProduct(c20, s2, b0);
      c21 = plusProduct(c21, s2, b1);
      const s3 = v128.load32_splat(a, 28);
      c30 = plusProduct(c30, s3, b0);
      c31 = plusProduct(c31, s3, b1);
    }
    a += 32;
    b += step;
    depth -= 2;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += pitch;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += pitch;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += pitch;
  v128.store(c, c30);
  v128.store(c, c31, 16);
}

/**
 * multiplyRows with c transposed: lane j of the tile is a plane, `pitch` bytes after that of lane j − 1, and
 * the tile's rows lie side by side in it. Chains begin at the 8 floats at `start`, or, if that is null, at
 * the values of all 8 lanes of c. If `start` is given, only the first `lanes` lanes are written.
 */
export function multiplyPlanes(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  offsets: usize,
  b: usize,
  depth: i32,
  c: usize,
  pitch: usize,
  start: usize,
  lanes: i32,
): void {
  let c00: v128;
  let c01: v128;
  let c10: v128;
  let c11: v128;
  let c20: v128;
  let c21: v128;
  let c30: v128;
  let c31: v128;
  const low = c;
  const high = c + pitch * 4;
  if (start) {
    c00 = v128.load(start);
    c01 = v128.load(start, 16);
    c10 = c00;
    c11 = c01;
    c20 = c00;
    c21 = c01;
    c30 = c00;
    c31 = c01;
  } else {
    c00 = v128.load(low);
    c10 = v128.load(low + pitch);
    c20 = v128.load(low + pitch * 2);
    c30 = v128.load(low + pitch * 3);
    let ab = pairLow(c00, c10);
    let cd = pairLow(c20, c30);
    let ab2 = pairHigh(c00, c10);
    let cd2 = pairHigh(c20, c30);
    c00 = joinLow(ab, cd);
    c10 = joinHigh(ab, cd);
    c20 = joinLow(ab2, cd2);
    c30 = joinHigh(ab2, cd2);
    c01 = v128.load(high);
    c11 = v128.load(high + pitch);
    c21 = v128.load(high + pitch * 2);
    c31 = v128.load(high + pitch * 3);
    ab = pairLow(c01, c11);
    cd = pairLow(c21, c31);
    ab2 = pairHigh(c01, c11);
    cd2 = pairHigh(c21, c31);
    c01 = joinLow(ab, cd);
    c11 = joinHigh(ab, cd);
    c21 = joinLow(ab2, cd2);
    c31 = joinHigh(ab2, cd2);
  }
  for (; depth > 0; depth--) {
    const at = <usize>load<u32>(offsets);
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let a = v128.load32_splat(a0 + at);
    c00 = plusProduct(c00, a, b0);
    c01 = plusProduct(c01, a, b1);
    a = v128.load32_splat(a1 + at);
    c10 = plusProduct(c10, a, b0);
    c11 = plusProduct(c11, a, b1);
    a = v128.load32_splat(a2 + at);
    c20 = plusProduct(c20, a, b0);
    c21 = plusProduct(c21, a, b1);
    a = v128.load32_splat(a3 + at);
    c30 = plusProduct(c30, a, b0);
    c31 = plusProduct(c31, a, b1);
    offsets += 4;
    b += 32;
  }
  if (lanes === tileLanes) {
    storeColumns(low, pitch, c00, c10, c20, c30);
    storeColumns(high, pitch, c01, c11, c21, c31);
    return;
  }
  storeSomeColumns(low, pitch, c00, c10, c20, c30, lanes);
  if (lanes > 4) storeSomeColumns(high, pitch, c01, c11, c21, c31, lanes - 4);
}

/** Writes the row where chains begin: 8 floats, which are 0 if `from` is null and from lane `lanes` on. */
export function startRow(row: usize, from: usize, lanes: i32): void {
  v128.store(row, from ? loadSome(from, lanes) : f32x4.splat(0));
  v128.store(row, from && lanes > 4 ? loadSome(from + 16, lanes - 4) : f32x4.splat(0), 16);
}

/** Loads acc from matrix rows that are `pitch` bytes apart, with lanes side by side; writeRows stores it. */
export function readRows(acc: usize, c: usize, pitch: usize, rows: i32, lanes: i32): void {
  for (let i = 0; i < rows; i++, acc += 32, c += pitch) {
    v128.store(acc, loadSome(c, lanes));
    if (lanes > 4) v128.store(acc, loadSome(c + 16, lanes - 4), 16);
  }
}

export function writeRows(acc: usize, c: usize, pitch: usize, rows: i32, lanes: i32): void {
  for (let i = 0; i < rows; i++, acc += 32, c += pitch) {
    storeSome(c, v128.load(acc), lanes);
    if (lanes > 4) storeSome(c + 16, v128.load(acc, 16), lanes - 4);
  }
}

/**
 * Loads acc from planes, for incomplete tiles: lane j lies `pitch` bytes after lane j − 1, and row i at
 * `places[i]` bytes. writePlanes stores it; its `near` says that the 4 rows lie side by side.
 */
export function readPlanes(acc: usize, c: usize, pitch: usize, places: usize, rows: i32, lanes: i32): void {
  for (let j = 0; j < lanes; j++, c += pitch, acc += 4) {
    for (let i = 0; i < rows; i++) {
      const from = c + <usize>load<u32>(places + ((<usize>i) << 2));
      store<u32>(acc + ((<usize>i) << 5), load<u32>(from));
    }
  }
}

export function writePlanes(
  acc: usize,
  c: usize,
  pitch: usize,
  places: usize,
  rows: i32,
  lanes: i32,
  near: bool,
): void {
  let j = 0;
  if (near && rows === tileRows) {
    const to = c + <usize>load<u32>(places);
    for (; j < lanes; j += 4) {
      const from = acc + ((<usize>j) << 2);
      storeSomeColumns(
        to + pitch * j,
        pitch,
        v128.load(from),
        v128.load(from, 32),
        v128.load(from, 64),
        v128.load(from, 96),
        lanes - j,
      );
    }
    return;
  }
  for (; j < lanes; j++, c += pitch, acc += 4) {
    for (let i = 0; i < rows; i++) {
      const to = c + <usize>load<u32>(places + ((<usize>i) << 2));
      store<u32>(to, load<u32>(acc + ((<usize>i) << 5)));
    }
  }
}
