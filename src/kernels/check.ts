/**
 * What a kernel must be able to rely on before it touches memory: lengths that fit the shape, buffers that lie in
 * the device and do not overlap where they must not.
 */
import { ShapeError, UsageError } from "../error.js";
import type { Conv2dShape, PoolShape } from "./kernels.js";

export type View = Float32Array | Uint8Array;

/** Views by name, with the number of elements that each must have. */
export type Lengths = Record<string, [view: View | null, length: number]>;

export function checkLengths(where: string, lengths: Lengths): void {
  for (const [name, [view, length]] of Object.entries(lengths)) {
    if (view && view.length !== length) {
      throw new ShapeError({
        where: `${where}: ${name}`,
        expected: `${length} elements`,
        got: String(view.length),
        remedy: "give a buffer that fits the shape",
      });
    }
  }
}

export function checkDevice(where: string, buffer: ArrayBufferLike, views: readonly (View | null)[]): void {
  for (const view of views) {
    if (view && view.buffer !== buffer) {
      throw new UsageError({
        where,
        expected: "buffers in the device's memory",
        got: "one outside",
        remedy: "allocate it with device.allocate and view it with device.f32 or device.u8",
      });
    }
  }
}

/** `inPlace`: the output may be exactly an input, but not a shifted part of it. */
export function checkOverlap(
  where: string,
  outputs: readonly (View | null)[],
  inputs: readonly (View | null)[],
  inPlace: boolean,
): void {
  const present = (view: View | null): view is View => view !== null && view.length > 0;
  outputs.filter(present).forEach((output, i) => {
    for (const other of [...inputs, ...outputs.slice(i + 1)].filter(present)) {
      const apart =
        output.byteOffset + output.byteLength <= other.byteOffset ||
        other.byteOffset + other.byteLength <= output.byteOffset;
      const same = output.byteOffset === other.byteOffset && output.byteLength === other.byteLength;
      if (!apart && !(inPlace && same && inputs.includes(other))) {
        throw new UsageError({
          where,
          expected: inPlace
            ? "an output that is an input or apart from it"
            : "an output apart from the inputs",
          got: `bytes ${output.byteOffset}–${output.byteOffset + output.byteLength} over ${other.byteOffset}–${other.byteOffset + other.byteLength}`,
          remedy: "give the output memory of its own",
        });
      }
    }
  });
}

/** Sizes are whole and not negative. */
export function checkSizes(where: string, shape: object, least = 0): void {
  for (const [name, value] of Object.entries(shape)) {
    if (typeof value === "number" && !(Number.isInteger(value) && value >= least)) {
      throw new ShapeError({
        where: `${where}: ${name}`,
        expected: `a whole number from ${least}`,
        got: String(value),
        remedy: "correct the shape",
      });
    }
  }
}

export function checkBits(where: string, bits: number): void {
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) {
    throw new UsageError({
      where: `${where}: bits`,
      expected: "a whole number from 1 to 8",
      got: String(bits),
      remedy: "use a byte array for wider values",
    });
  }
}

/** `ceil`: one more window may reach over each far edge, if it begins inside. */
function checkWindow(where: string, shape: Conv2dShape | PoolShape, ceil = false): void {
  const { H, W, R, S, P, Q, stride, padding } = shape;
  checkSizes(where, { H, W, R, S, P, Q, stride }, 1);
  checkSizes(where, { padding });
  const whole = (extent: number, window: number): number =>
    Math.floor((extent + 2 * padding - window) / stride) + 1;
  const fits = (outputs: number, extent: number, window: number): boolean => {
    const count = whole(extent, window);
    const reaches = (extent + 2 * padding - window) % stride !== 0 && count * stride - padding < extent;
    return outputs === count || (ceil && reaches && outputs === count + 1);
  };
  if (!fits(P, H, R) || !fits(Q, W, S)) {
    throw new ShapeError({
      where,
      expected: `${whole(H, R)} × ${whole(W, S)} outputs of ${R} × ${S} windows, stride ${stride}, padding ${padding}, on ${H} × ${W}`,
      got: `${P} × ${Q}`,
      remedy: "correct P and Q, or use a larger input or padding",
    });
  }
}

export function checkConv2d(where: string, shape: Conv2dShape): void {
  const { N, C, K, groups } = shape;
  checkSizes(where, { N });
  checkSizes(where, { C, K, groups }, 1);
  checkWindow(where, shape);
  if (C % groups !== 0 || K % groups !== 0) {
    throw new ShapeError({
      where,
      expected: `groups that divide ${C} input and ${K} output channels`,
      got: `${groups} groups`,
      remedy: "correct the groups or the channels",
    });
  }
}

/** A window's places are numbered in a byte; padding is narrower than the window, so that every window meets its plane. */
export function checkMaxPool(where: string, shape: PoolShape): void {
  checkPool(where, shape, true);
  if (shape.R * shape.S > 256) {
    throw new ShapeError({
      where,
      expected: "a window of at most 256 positions",
      got: `${shape.R} × ${shape.S}`,
      remedy: "pool in two steps",
    });
  }
}

export const checkAvgPool = (where: string, shape: PoolShape): void => checkPool(where, shape, false);

function checkPool(where: string, shape: PoolShape, ceil: boolean): void {
  checkSizes(where, { planes: shape.planes });
  checkWindow(where, shape, ceil);
  if (shape.padding >= Math.min(shape.R, shape.S)) {
    throw new ShapeError({
      where,
      expected: "a window wider than its padding",
      got: `${shape.R} × ${shape.S} with padding ${shape.padding}`,
      remedy: "correct the window or the padding",
    });
  }
}
