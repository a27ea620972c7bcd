/** What a caller may ask for, and what a frame's header then says. */
import { BoundError, FrameError, UsageError } from "../error.js";
import { bin, checkedBound, type Quantizer, smallestBound } from "./bound.js";
import { chunkLength } from "./chunk.js";
import { checkedShape, type Header } from "./frame.js";

export interface EncodeOptions {
  /** Every finite value comes back with |x − x̂| < bound (rounded down to float32), or with its own bits. */
  bound: number;
  /** `support` alone: another bound for values below zero. */
  negativeBound?: number;
  /** The tensor's shape, the fastest dimension last; without it, one dimension. */
  shape?: readonly number[];
  /** `fast`: fixed-length blocks. `dense`: entropy coding. `auto`: whichever pays (the default is `fast`). */
  mode?: "fast" | "dense" | "auto";
  /** Default `support`: zeros and signs are exact. */
  quantizer?: Quantizer;
  /** Of `dithered`'s noise; 32 bits. */
  seed?: number;
}

/** The header of a frame of `length` values. Throws BoundError, ShapeError or UsageError. */
export function headerFor(length: number, options: EncodeOptions): Header {
  const { quantizer = "support", seed = 0, negativeBound } = options;
  if (!["support", "paper", "dithered"].includes(quantizer)) {
    throw new UsageError({
      where: "encode quantizer",
      expected: "support, paper or dithered",
      got: String(quantizer),
      remedy: "leave it out for support",
    });
  }
  const shape = checkedShape(options.shape, length);
  const bound = checkedBound(options.bound, "encode bound");
  const below = negativeBound === undefined ? bound : checkedBound(negativeBound, "encode negativeBound");
  if (below !== bound && quantizer !== "support") {
    throw new BoundError({
      where: "encode negativeBound",
      expected: "one bound with this quantizer",
      got: `two with ${quantizer}`,
      remedy: "use support, or leave negativeBound out",
    });
  }
  // Bounds this small leave nothing to quantise: the bits themselves are kept.
  const lossless = bound < smallestBound || below < smallestBound;
  const positive = bin(lossless ? 1 : bound);
  const negative = lossless || below === bound ? positive : bin(below);
  return {
    mode: "fast",
    shape,
    quantization: { quantizer: lossless ? "lossless" : quantizer, positive, negative, seed: seed >>> 0 },
  };
}

/** A whole chunk takes five bytes at best, the last one two. So a small frame cannot ask for a large tensor. */
export function leastPayload(values: number, bytes: number): void {
  const least = 5 * Math.floor(values / chunkLength) + (values % chunkLength ? 2 : 0);
  if (bytes >= least) return;
  throw new FrameError({
    where: "shape",
    expected: `at least ${least} bytes of payload for ${values} values`,
    got: String(bytes),
    remedy: "encode the tensor again: these bytes are damaged",
  });
}
