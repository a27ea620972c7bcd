/**
 * Chooses the part of a photograph that a network sees. Evaluation resizes the short side to `resize` and
 * takes the centre `size` × `size`. Training takes a random part with 8 % to 100 % of the area and an aspect
 * of 3:4 to 4:3, stretches it to `size` × `size` and mirrors it half the time.
 */
import type { Rng } from "../rng.js";
import type { Picture } from "./picture.js";
import { type Box, resize } from "./resize.js";

export interface CropSettings {
  /** Side of the resulting square, in pixels. */
  size: number;
  /** Length of the short side before the centre crop of evaluation. */
  resize: number;
}

const attempts = 10;
const drawsPerAttempt = 5;

/**
 * All random numbers that a training crop may need, uniform in [0, 1). They are drawn in advance so that a
 * worker can use them.
 */
export function drawCrop(rng: Rng): Float32Array {
  return Float32Array.from({ length: attempts * drawsPerAttempt + 1 }, () => rng.uniform());
}

/**
 * Returns 3 × size × size bytes: the planes red, green and blue. With `draws` null it crops for evaluation.
 */
export function cropPicture(
  picture: Picture,
  settings: CropSettings,
  draws: Float32Array | null,
): Uint8Array {
  if (draws === null) {
    return centreCrop(picture, settings);
  }
  const planes = resize(picture, randomBox(picture, draws), settings.size, settings.size);
  return draws[attempts * drawsPerAttempt]! < 0.5 ? planes : mirror(planes, settings.size);
}

function centreCrop(picture: Picture, { size, resize: short }: CropSettings): Uint8Array {
  const { width, height } = picture;
  const least = Math.min(width, height);
  const [outWidth, outHeight] = [width, height].map((side) => Math.trunc((short * side) / least)) as [
    number,
    number,
  ];
  const window = {
    x: halfToEven((outWidth - size) / 2),
    y: halfToEven((outHeight - size) / 2),
    width: size,
    height: size,
  };
  return resize(picture, { x: 0, y: 0, width, height }, outWidth, outHeight, window);
}

/** Rounds halves to the even number, as Python and so torchvision's CenterCrop do: 58.5 becomes 58, 59.5 becomes 60. */
const halfToEven = (x: number): number =>
  x % 1 === 0.5 && Math.floor(x) % 2 === 0 ? Math.floor(x) : Math.round(x);

/**
 * Draws area and aspect until the box fits. If none fits, takes the largest centred box with a permitted
 * aspect. The aspect is uniform in 1 … 4/3, and upright or lying with equal probability. (torchvision draws
 * the logarithm of the aspect uniformly, but JavaScript engines disagree on the bits of logarithms.)
 */
export function randomBox({ width, height }: { width: number; height: number }, draws: Float32Array): Box {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = attempt * drawsPerAttempt;
    const [share, stretch, coin, left, top] = draws.subarray(first, first + drawsPerAttempt);
    const area = width * height * (0.08 + 0.92 * share!);
    const aspect = coin! < 0.5 ? 1 + stretch! / 3 : 1 / (1 + stretch! / 3);
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      const x = Math.floor(left! * (width - w + 1));
      const y = Math.floor(top! * (height - h + 1));
      return { x, y, width: w, height: h };
    }
  }
  const w = Math.min(width, Math.max(1, Math.round((height * 4) / 3)));
  const h = Math.min(height, Math.max(1, Math.round((width * 4) / 3)));
  return { x: Math.trunc((width - w) / 2), y: Math.trunc((height - h) / 2), width: w, height: h };
}

function mirror(planes: Uint8Array, size: number): Uint8Array {
  for (let row = 0; row < planes.length; row += size) {
    planes.subarray(row, row + size).reverse();
  }
  return planes;
}
