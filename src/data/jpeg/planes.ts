/**
 * Computes samples from coefficients with integers: the inverse cosine transform that the Independent JPEG Group calls islow
 * (Loeffler, Ligtenberg and Moschytz, with 13-bit constants), and a triangle filter for planes with half the samples. The
 * samples are bit for bit those of libjpeg-turbo.
 */
import type { Plane } from "./coefficients.js";

/** width × height bytes. */
export interface Samples {
  width: number;
  height: number;
  data: Uint8Array;
}

export const clamp = (value: number): number => Math.max(0, Math.min(value, 255));

/** Transforms eight values of `block`, `step` apart, in place. Rounds the results and removes their lowest `shift` bits. */
function transform(block: Int32Array, at: number, step: number, shift: number): void {
  const value = (i: number) => block[at + i * step]!;
  const half = 1 << (shift - 1);
  // Even part.
  const even = Math.imul(value(2) + value(6), 4433);
  const even2 = even - Math.imul(value(6), 15137);
  const even3 = even + Math.imul(value(2), 6270);
  const sum = (value(0) + value(4)) << 13;
  const difference = (value(0) - value(4)) << 13;
  const evens = [sum + even3, difference + even2, difference - even2, sum - even3];
  // Odd part.
  const [a, b, c, d] = [value(7), value(5), value(3), value(1)];
  const all = Math.imul(a + c + b + d, 9633);
  const ad = Math.imul(a + d, -7373);
  const bc = Math.imul(b + c, -20995);
  const ac = Math.imul(a + c, -16069) + all;
  const bd = Math.imul(b + d, -3196) + all;
  const odds = [
    Math.imul(d, 12299) + ad + bd,
    Math.imul(c, 25172) + bc + ac,
    Math.imul(b, 16819) + bc + bd,
    Math.imul(a, 2446) + ad + ac,
  ];
  for (let i = 0; i < 4; i++) {
    block[at + i * step] = (evens[i]! + odds[i]! + half) >> shift;
    block[at + (7 - i) * step] = (evens[i]! - odds[i]! + half) >> shift;
  }
}

/** Computes the samples of a plane at its own size. */
export function samplesOf({ width, height, stride, coefficients, quantization }: Plane): Samples {
  const data = new Uint8Array(width * height);
  const block = new Int32Array(64);
  for (let y = 0; y < height; y += 8) {
    for (let x = 0; x < width; x += 8) {
      const from = 64 * ((y >> 3) * stride + (x >> 3));
      for (let i = 0; i < 64; i++) block[i] = coefficients[from + i]! * quantization[i]!;
      for (let column = 0; column < 8; column++) transform(block, column, 8, 11);
      for (let row = 0; row < 8; row++) transform(block, 8 * row, 1, 18);
      const columns = Math.min(8, width - x);
      for (let row = 0; row < Math.min(8, height - y); row++) {
        for (let column = 0; column < columns; column++) {
          data[(y + row) * width + x + column] = clamp(block[8 * row + column]! + 128);
        }
      }
    }
  }
  return { width, height, data };
}

/** Enlarges a plane by the factors `across` and `down` and cuts it to `width` × `height`. */
export function enlarge(
  samples: Samples,
  across: number,
  down: number,
  width: number,
  height: number,
): Samples {
  const smooth = samples.width > 2;
  const data = new Uint8Array(width * height);
  // Three quarters of the nearest sample and one quarter of the next. Halves are rounded up and down in turn.
  const triangle = across === 2 && down <= 2 && smooth;
  const upright = across === 1 && down === 2;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / down);
    const other = down === 2 ? Math.min(Math.max(row + (y % 2 === 0 ? -1 : 1), 0), samples.height - 1) : row;
    const near = samples.data.subarray(row * samples.width, (row + 1) * samples.width);
    const next = samples.data.subarray(other * samples.width, (other + 1) * samples.width);
    for (let x = 0; x < width; x++) {
      const i = Math.floor(x / across);
      let value = near[i]!;
      if (upright) value = (3 * near[i]! + next[i]! + (y % 2 === 0 ? 1 : 2)) >> 2;
      else if (triangle) {
        const beside = Math.min(Math.max(i + (x % 2 === 0 ? -1 : 1), 0), samples.width - 1);
        if (down === 1) value = (3 * near[i]! + near[beside]! + (x % 2 === 0 ? 1 : 2)) >> 2;
        else {
          const sum = (k: number) => 3 * near[k]! + next[k]!;
          value = (3 * sum(i) + sum(beside) + (x % 2 === 0 ? 8 : 7)) >> 4;
        }
      }
      data[y * width + x] = value;
    }
  }
  return { width, height, data };
}
