/**
 * The orthonormal cosine transform of 8 × 8 blocks, down the columns and then along the rows. Each pass uses the symmetry
 * of the cosines: with s_i = x_i + x_(7−i) and d_i = x_i − x_(7−i), i = 0 … 3, every output is a sum of four products,
 * added in ascending i. The inverse adds over four even and four odd frequencies, ascending, and then
 * x_i = even + odd, x_(7−i) = even − odd.
 */
import { blocksOf, type PictureShape } from "../jpeg.js";
import { round, signed, toInteger } from "./round.js";

const { fround } = Math;

/** ½ cos(iπ/16); c4 is 1/√8 as well. */
const c1 = fround(0.4903926402016152);
const c2 = fround(0.46193976625564337);
const c3 = fround(0.4157348061512726);
const c4 = fround(0.35355339059327373);
const c5 = fround(0.2777851165098011);
const c6 = fround(0.1913417161825449);
const c7 = fround(0.09754516100806417);

/** Row u/2 of the even frequencies u and row (u − 1)/2 of the odd ones: the cosines at i = 0 … 3. */
const even = [
  [c4, c4, c4, c4],
  [c2, c6, -c6, -c2],
  [c4, -c4, -c4, c4],
  [c6, -c2, c2, -c6],
] as const;
const odd = [
  [c1, c3, c5, c7],
  [c3, -c7, -c1, -c5],
  [c5, -c1, c7, c3],
  [c7, -c5, c3, -c1],
] as const;

type Four = readonly [number, number, number, number];

/** a0·b0 + a1·b1 + a2·b2 + a3·b3, in this order. */
function sumOfFour([a0, a1, a2, a3]: Four, [b0, b1, b2, b3]: Four): number {
  const two = fround(fround(a0 * b0) + fround(a1 * b1));
  return fround(fround(two + fround(a2 * b2)) + fround(a3 * b3));
}

/** One pass over the eight values from `at` on, `step` apart, in place. */
function forward(b: Float32Array, at: number, step: number): void {
  const x = (i: number) => b[at + i * step]!;
  const sum = (i: number) => fround(x(i) + x(7 - i));
  const difference = (i: number) => fround(x(i) - x(7 - i));
  const s = [sum(0), sum(1), sum(2), sum(3)] as const;
  const d = [difference(0), difference(1), difference(2), difference(3)] as const;
  for (let u = 0; u < 4; u++) {
    b[at + 2 * u * step] = sumOfFour(even[u]!, s);
    b[at + (2 * u + 1) * step] = sumOfFour(odd[u]!, d);
  }
}

function inverse(b: Float32Array, at: number, step: number): void {
  const y = (u: number) => b[at + u * step]!;
  const ofEven = [y(0), y(2), y(4), y(6)] as const;
  const ofOdd = [y(1), y(3), y(5), y(7)] as const;
  for (let i = 0; i < 4; i++) {
    const e = sumOfFour([even[0][i]!, even[1][i]!, even[2][i]!, even[3][i]!], ofEven);
    const o = sumOfFour([odd[0][i]!, odd[1][i]!, odd[2][i]!, odd[3][i]!], ofOdd);
    b[at + i * step] = e + o;
    b[at + (7 - i) * step] = e - o;
  }
}

function columnsThenRows(pass: typeof forward, block: Float32Array): void {
  for (let c = 0; c < 8; c++) pass(block, c, 8);
  for (let r = 0; r < 8; r++) pass(block, 8 * r, 1);
}

/** Calls `visit` with the place in k of each block, and the index in x and the channel of each value of it. */
function blocks(
  shape: PictureShape,
  visit: (start: number, place: (i: number) => { at: number; c: number } | null) => void,
): void {
  const { C, H, W } = shape;
  const { down, across, top, left } = blocksOf(shape);
  for (let b = 0; b < down * across; b++) {
    visit(64 * b, (i) => {
      const row = 8 * Math.floor(b / across) + (i >> 3) - top;
      const column = 8 * (b % across) + (i & 7) - left;
      return row < 0 || column < 0 ? null : { at: row * W + column, c: Math.floor(row / H) % C };
    });
  }
}

export function dctForward(
  k: Uint8Array,
  x: Float32Array,
  scales: Float32Array,
  table: readonly number[],
  shape: PictureShape,
): void {
  const block = new Float32Array(64);
  blocks(shape, (start, place) => {
    for (let i = 0; i < 64; i++) {
      const value = place(i);
      block[i] = value ? toInteger(fround(fround(32 * scales[value.c]!) * x[value.at]!)) : 0;
    }
    columnsThenRows(forward, block);
    for (let i = 0; i < 64; i++) {
      const whole = Math.trunc(fround(round(block[i]!) / table[i]!));
      k[start + i] = Math.min(127, Math.max(-128, whole));
    }
  });
}

export function dctInverse(
  x: Float32Array,
  k: Uint8Array,
  scales: Float32Array,
  table: readonly number[],
  shape: PictureShape,
  rectify: boolean,
): void {
  const block = new Float32Array(64);
  blocks(shape, (start, place) => {
    for (let i = 0; i < 64; i++) block[i] = signed(k[start + i]!) * table[i]!;
    columnsThenRows(inverse, block);
    for (let i = 0; i < 64; i++) {
      const value = place(i);
      if (!value) continue;
      const back = fround(fround(round(block[i]!) / 32) / scales[value.c]!);
      x[value.at] = rectify ? Math.max(back, 0) : back;
    }
  });
}
