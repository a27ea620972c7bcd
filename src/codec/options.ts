/** The options of `encode`, and the header that follows from them. */
import { BoundError, FrameError, UsageError } from "../error.js";
import { described } from "./arguments.js";
import { bin, checkedBound, keepsSigns, type Quantizer, quantizers, smallestBound } from "./bound.js";
import { leastDense, segmentLength } from "./dense/layout.js";
import { chunkLength } from "./fast/chunk.js";
import { checkedShape, type Header, type Mode } from "./frame.js";

export interface EncodeOptions {
  /**
   * Every finite value decodes with |x − x̂| < bound (rounded down to float32), or to its own bits. Exactly
   * one of `bound`, `relative` and `lossless` is required.
   */
  bound?: number;
  /** The bound as a share of the range of the finite values. */
  relative?: number;
  /** Every bit is preserved. */
  lossless?: boolean;
  /** A different bound for values below zero; only for `support` and `signed`. */
  negativeBound?: number;
  /** The tensor's shape with the fastest dimension last. Default: one dimension. */
  shape?: readonly number[];
  /**
   * `fast` (default): fixed-length blocks. `dense`: entropy coding. `auto`: dense where that saves two fifths
   * of fast mode's bytes.
   */
  mode?: "fast" | "dense" | "auto";
  /** Default `support`: zeros and signs are exact. */
  quantizer?: Quantizer;
  /** Seed of the noise of `dithered` and `signed`, 32 bits. */
  seed?: number;
}

/**
 * Copies the options to an object of their own. Each is read once, so a getter runs before the work begins. Throws a
 * UsageError if a value has the wrong type; the ranges are checked together with the tensor.
 */
export function readOnce(options: EncodeOptions = {}): EncodeOptions {
  const { bound, relative, lossless, negativeBound, shape, mode, quantizer, seed } = options;
  if (lossless !== undefined && typeof lossless !== "boolean")
    wrongType("lossless", "true or false", lossless);
  if (seed !== undefined && !Number.isInteger(seed)) wrongType("seed", "a whole number", seed);
  if (shape !== undefined && !Array.isArray(shape) && !ArrayBuffer.isView(shape)) {
    wrongType("shape", "an array of sizes", shape);
  }
  const own = { bound, relative, lossless, negativeBound, shape: shape && [...shape], mode, quantizer, seed };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

function wrongType(option: string, expected: string, value: unknown): never {
  throw new UsageError({
    where: `encode ${option}`,
    expected,
    got: described(value),
    remedy: "leave it out for the default",
  });
}

/** For smaller tensors the decision takes longer than `auto` could save. */
const leastAuto = 16384;

/**
 * The absolute bound that `relative` means for x. It is 0 if all finite values are equal; x is then coded
 * losslessly.
 */
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

/** The requested bound, or 0 for lossless. Throws a BoundError unless exactly one is given. */
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

/**
 * The header of x's frame; for `auto` the mode is only a proposal. Throws BoundError, ShapeError or
 * UsageError.
 */
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
  // Bounds this small leave nothing to quantise, so the bits themselves are stored.
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
 * Checks that the payload is long enough for the number of values: a whole chunk takes at least five bytes,
 * the last one two, and a dense segment thirty-five. So a small damaged frame cannot request a large tensor.
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
