/**
 * Antialiased bilinear resampling. Each output value is a mean of input values, weighted by a triangle as
 * wide as the scale; rows come first, then columns. Weights are multiples of 2^-22, so the result is the same
 * integer on every machine (and the same as Pillow's `BILINEAR`).
 */
import type { Picture } from "./picture.js";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Resizes `box` of the picture to `width` × `height` and returns the part `window` of the result; only that
 * part is computed. Returns 3 × window.height × window.width bytes: the red plane, the green plane, the blue
 * plane.
 */
export function resize(
  picture: Picture,
  box: Box,
  width: number,
  height: number,
  window: Box = { x: 0, y: 0, width, height },
): Uint8Array {
  const across = weights(box.x, box.width, width, window.x, window.width);
  const down = weights(box.y, box.height, height, window.y, window.height);
  const top = down.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY);
  const rows = down.reduce((most, { start, taps }) => Math.max(most, start + taps.length), 0) - top;

  // Rows: one output row, with three bytes per pixel, for each input row that the columns need.
  const narrow = new Uint8Array(rows * window.width * 3);
  for (let y = 0; y < rows; y++) {
    const row = (top + y) * picture.width;
    across.forEach(({ start, taps }, x) => {
      accumulate(picture.data, (row + start) * 3, 3, taps, narrow, (y * window.width + x) * 3, 1);
    });
  }
  // Columns, and from interleaved pixels to planes.
  const planes = new Uint8Array(3 * window.height * window.width);
  const plane = window.height * window.width;
  down.forEach(({ start, taps }, y) => {
    for (let x = 0; x < window.width; x++) {
      const from = ((start - top) * window.width + x) * 3;
      accumulate(narrow, from, window.width * 3, taps, planes, y * window.width + x, plane);
    }
  });
  return planes;
}

const fractionBits = 22;
const half = 1 << (fractionBits - 1);

/**
 * Computes a red, a green and a blue value from taps that are `step` bytes apart, and writes them `spread`
 * bytes apart.
 */
function accumulate(
  from: Uint8Array,
  at: number,
  step: number,
  taps: Int32Array,
  to: Uint8Array,
  target: number,
  spread: number,
): void {
  let red = half;
  let green = half;
  let blue = half;
  for (let k = 0; k < taps.length; k++) {
    const weight = taps[k]!;
    red += weight * from[at]!;
    green += weight * from[at + 1]!;
    blue += weight * from[at + 2]!;
    at += step;
  }
  // The taps sum to 2^22 up to a rounding error of their number, so a sum can exceed 255 only slightly.
  to[target] = Math.min(255, red >> fractionBits);
  to[target + spread] = Math.min(255, green >> fractionBits);
  to[target + 2 * spread] = Math.min(255, blue >> fractionBits);
}

interface Weights {
  /** The first input position with a weight. */
  start: number;
  /** Weights in units of 2^-22. */
  taps: Int32Array;
}

/**
 * Output position i of `outLength` has its centre at (i + ½)·scale in the input, where scale = length /
 * outLength. It uses the inputs within a triangle of half width max(scale, 1) around that centre.
 */
function weights(origin: number, length: number, outLength: number, first: number, count: number): Weights[] {
  const scale = length / outLength;
  const reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, n) => {
    const centre = (first + n + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const to = Math.min(length, Math.trunc(centre + reach + 0.5));
    const triangle = Array.from({ length: to - from }, (_, k) =>
      Math.max(0, 1 - Math.abs((from + k - centre + 0.5) / reach)),
    );
    const sum = triangle.reduce((a, b) => a + b, 0);
    const taps = Int32Array.from(triangle, (weight) => Math.trunc(0.5 + (weight / sum) * 2 ** fractionBits));
    return { start: origin + from, taps };
  });
}
