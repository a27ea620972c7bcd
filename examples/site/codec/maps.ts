/** Maps of a plane: one pixel for each value, on a canvas that the style makes larger. */
import type { Picture } from "./measure.js";

type Colour = readonly [red: number, green: number, blue: number, alpha: number];

/** From dark blue to yellow, with even steps of lightness; it can be read with every form of colour blindness. */
const stops: readonly (readonly [number, number, number])[] = [
  [53, 42, 135],
  [31, 104, 156],
  [33, 145, 140],
  [90, 184, 102],
  [190, 205, 60],
  [253, 231, 76],
];

function between(share: number): Colour {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  const mix = (k: 0 | 1 | 2) => Math.round(stops[i]![k] + (at - i) * (stops[i + 1]![k] - stops[i]![k]));
  return [mix(0), mix(1), mix(2), 255];
}

/** Not finite. */
const special: Colour = [226, 0, 116, 255];
const none: Colour = [0, 0, 0, 0];
/** An error of a bound or more. */
const broken: Colour = [226, 0, 116, 255];

export interface Scale {
  least: number;
  most: number;
}

/** The colour of a value; exact zeros have none. */
export function valueColour(value: number, { least, most }: Scale): Colour {
  if (!Number.isFinite(value)) return special;
  return value === 0 ? none : between((value - least) / (most - least || 1));
}

/** The colour of an error: blue below 0, orange above, and the more opaque the nearer to the bound. */
export function errorColour(error: number, bound: number): Colour {
  if (!Number.isFinite(error) || error === 0) return none;
  const share = Math.abs(error) / bound;
  if (share >= 1) return broken;
  const [red, green, blue] = error < 0 ? [0, 114, 220] : [230, 110, 0];
  return [red, green, blue, Math.round(255 * Math.min(1, 0.08 + 0.92 * share))];
}

/** Draws `colourAt(i)` for each value of a plane. */
export function paint(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  colourAt: (i: number) => Colour,
): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(colourAt(i), 4 * i);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

/** The range of the finite values of both arrays. */
export function scaleOf({ x, decoded }: Picture): Scale {
  const scale = { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY };
  for (const values of [x, decoded]) {
    for (const value of values) {
      // Planted values of this size would leave one colour for all others.
      if (!Number.isFinite(value) || Math.abs(value) > 1e30) continue;
      scale.least = Math.min(scale.least, value);
      scale.most = Math.max(scale.most, value);
    }
  }
  return scale.least <= scale.most ? scale : { least: 0, most: 1 };
}

/** The row and column under a pointer, in a canvas that keeps its proportions; null beside it. */
export function placeOf(
  canvas: HTMLCanvasElement,
  event: PointerEvent,
): { row: number; column: number } | null {
  const box = canvas.getBoundingClientRect();
  const size = Math.min(box.width / canvas.width, box.height / canvas.height);
  const left = box.left + (box.width - size * canvas.width) / 2;
  const top = box.top + (box.height - size * canvas.height) / 2;
  const column = Math.floor((event.clientX - left) / size);
  const row = Math.floor((event.clientY - top) / size);
  const within = row >= 0 && column >= 0 && row < canvas.height && column < canvas.width;
  return within ? { row, column } : null;
}
