/**
 * Checks that run before a kernel touches memory: lengths fit the shape, buffers lie in the device, and
 * outputs do not overlap buffers that they must not.
 */
import { ShapeError, UsageError } from "../error.js";
import type { Conv2dShape, DownsampleShape, GroupShape, PoolShape } from "./kernels.js";

export type View = Float32Array | Uint8Array;

/** Views by name, each with the number of elements that it must have. */
export type Lengths = Record<string, [view: View | null, length: number]>;

// These checks run at every launch, some hundred times per training step, so they allocate nothing.

export function checkLengths(where: string, lengths: Lengths): void {
  for (const name in lengths) {
    const [view, length] = lengths[name]!;
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

export function checkDevice(where: string, buffer: ArrayBufferLike, lengths: Lengths): void {
  for (const name in lengths) {
    const view = lengths[name]![0];
    if (view && view.buffer !== buffer) {
      throw new UsageError({
        where,
        expected: "buffers in the device's memory",
        got: "a buffer outside",
        remedy: "allocate it with device.allocate and view it with device.f32 or device.u8",
      });
    }
  }
}

/** With `inPlace` an output may be exactly an input, but not a shifted part of it. */
export function checkOverlap(where: string, outputs: Lengths, inputs: Lengths, inPlace: boolean): void {
  for (const name in outputs) {
    const output = outputs[name]![0];
    if (!output) continue;
    for (const other in inputs) checkApart(where, output, inputs[other]![0], inPlace);
    for (const other in outputs) if (other !== name) checkApart(where, output, outputs[other]![0], false);
  }
}

function checkApart(where: string, output: View, other: View | null, inPlace: boolean): void {
  if (!other || output.length === 0 || other.length === 0) return;
  const [begin, bytes] = [output.byteOffset, output.byteLength];
  const [otherBegin, otherBytes] = [other.byteOffset, other.byteLength];
  if (begin + bytes <= otherBegin || otherBegin + otherBytes <= begin) return;
  if (inPlace && begin === otherBegin && bytes === otherBytes) return;
  throw new UsageError({
    where,
    expected: inPlace ? "an output that is an input or apart from it" : "an output apart from the inputs",
    got: `bytes ${begin}–${begin + bytes} over ${otherBegin}–${otherBegin + otherBytes}`,
    remedy: "give the output memory of its own",
  });
}

/** Checks that all sizes are whole numbers and at least `least`. */
export function checkSizes(where: string, shape: object, least = 0): void {
  for (const name in shape) {
    const value: unknown = shape[name as keyof typeof shape];
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

export function checkGroups(where: string, shape: GroupShape): void {
  const { rows, size, group } = shape;
  checkSizes(where, { rows, size });
  checkSizes(where, { group }, 1);
}

/** With `ceil`, one more window may reach over each far edge if it begins inside the plane. */
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

/**
 * The positions in a window are numbered in a byte. The padding must be narrower than the window, so that
 * every window covers some of its plane.
 */
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

export function checkDownsample(where: string, shape: DownsampleShape): void {
  const { N, C, H, W, K, P, Q, stride } = shape;
  checkSizes(where, { N });
  checkSizes(where, { C, H, W, K, P, Q, stride }, 1);
  if (K < C || P !== Math.ceil(H / stride) || Q !== Math.ceil(W / stride)) {
    throw new ShapeError({
      where,
      expected: `at least ${C} channels of ${Math.ceil(H / stride)} × ${Math.ceil(W / stride)}`,
      got: `${K} channels of ${P} × ${Q}`,
      remedy: "correct K, P and Q",
    });
  }
}
