/** What a caller may ask for, and what a frame's header then says. */
import { BoundError, FrameError, UsageError } from "../error.js";
import { bin, checkedBound, keepsSigns, type Quantizer, quantizers, smallestBound } from "./bound.js";
import { leastDense, segmentLength } from "./dense/layout.js";
import { chunkLength } from "./fast/chunk.js";
import { checkedShape, type Header, type Mode } from "./frame.js";

export interface EncodeOptions {
  /**
   * Every finite value comes back with |x − x̂| < bound (rounded down to float32), or with its own bits. One of `bound`,
   * `relative` and `lossless` is needed.
   */
  bound?: number;
  /** The bound as a share of the range of the finite values. */
  relative?: number;
  /** Every bit comes back. */
  lossless?: boolean;
  /** `support` and `signed` alone: another bound for values below zero. */
  negativeBound?: number;
  /** The tensor's shape, the fastest dimension last; without it, one dimension. */
  shape?: readonly number[];
  /** `fast` (default): fixed-length blocks. `dense`: entropy coding. `auto`: dense where it saves two fifths of fast's bytes. */
  mode?: "fast" | "dense" | "auto";
  /** Default `support`: zeros and signs are exact. */
  quantizer?: Quantizer;
  /** Of the noise of `dithered` and `signed`; 32 bits. */
  seed?: number;
}

/** Smaller tensors take longer to judge than `auto` could save. */
const leastAuto = 16384;

/** What `relative` means for x: 0 where all finite values are alike, and then nothing but their bits will do. */
function relativeBound(x: Float32Array, relative: number): number {
  checkedBound(relative, "encode relative");
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    if (value < least && value !== Number.NEGATIVE_INFINITY) least = value;
    if (value > most && value !== Number.POSITIVE_INFINITY) most = value;
  }
  return most > least ? relative * (most - least) : 0;
}

/** The bound asked for, 0 for lossless. Throws a BoundError unless there is exactly one. */
function boundOf(x: Float32Array, { bound, relative, lossless }: EncodeOptions): number {
  const given = [bound !== undefined, relative !== undefined, lossless === true].filter(Boolean).length;
  if (given !== 1) {
    throw new BoundError({
      where: "encode bound",
      expected: "one of bound, relative and lossless",
      got: given === 0 ? "none" : String(given),
      remedy: "give for example { bound: 1e-3 }",
    });
  }
  if (lossless) return 0;
  return relative === undefined ? checkedBound(bound!, "encode bound") : relativeBound(x, relative);
}

/** The header of x's frame; `auto` is settled later. Throws BoundError, ShapeError or UsageError. */
export function headerFor(x: Float32Array, options: EncodeOptions): Header {
  const { quantizer = "support", seed = 0, negativeBound } = options;
  if (!quantizers.includes(quantizer)) {
    throw new UsageError({
      where: "encode quantizer",
      expected: "support, paper, dithered or signed",
      got: String(quantizer),
      remedy: "leave it out for support",
    });
  }
  const shape = checkedShape(options.shape, x.length);
  const asked = boundOf(x, options);
  const bound = asked > 0 ? checkedBound(asked, "encode bound") : 0;
  const below = negativeBound === undefined ? bound : checkedBound(negativeBound, "encode negativeBound");
  if (below !== bound && !keepsSigns(quantizer)) {
    throw new BoundError({
      where: "encode negativeBound",
      expected: "one bound with this quantizer",
      got: `two with ${quantizer}`,
      remedy: "use support or signed, or leave negativeBound out",
    });
  }
  // Bounds this small leave nothing to quantise: the bits themselves are kept.
  const lossless = bound < smallestBound || below < smallestBound;
  const positive = bin(lossless ? 1 : bound);
  const negative = lossless || below === bound ? positive : bin(below);
  const { mode = "fast" } = options;
  if (!["fast", "dense", "auto"].includes(mode)) {
    throw new UsageError({
      where: "encode mode",
      expected: "fast, dense or auto",
      got: String(mode),
      remedy: "leave it out for fast",
    });
  }
  const dense = mode !== "fast" && !lossless && x.length >= (mode === "auto" ? leastAuto : leastDense);
  return {
    mode: dense ? "dense" : "fast",
    shape,
    quantization: { quantizer: lossless ? "lossless" : quantizer, positive, negative, seed: seed >>> 0 },
  };
}

/**
 * A whole chunk takes five bytes at best, the last one two, and a dense segment thirty-five. So a small frame cannot
 * ask for a large tensor.
 */
export function leastPayload(values: number, bytes: number, mode: Mode): void {
  if (mode === "dense" && values < leastDense) {
    throw new FrameError({
      where: "layout",
      expected: `fast mode for fewer than ${leastDense} values`,
      got: "dense mode",
      remedy: "encode the tensor again: these bytes are damaged",
    });
  }
  const chunks = 5 * Math.floor(values / chunkLength) + (values % chunkLength ? 2 : 0);
  const least = mode === "fast" ? chunks : 35 * Math.ceil(values / segmentLength);
  if (bytes >= least) return;
  throw new FrameError({
    where: "shape",
    expected: `at least ${least} bytes of payload for ${values} values`,
    got: String(bytes),
    remedy: "encode the tensor again: these bytes are damaged",
  });
}
