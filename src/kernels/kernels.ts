/**
 * The hot loops of the engine, as one interface with two implementations that return the same bits:
 * `reference` (plain TypeScript, Math.fround after every float32 operation; read this one) and `simd`
 * (AssemblyScript).
 *
 * All float arguments are float32 views. The SIMD kernels need views into the device's memory: floats at any
 * multiple of 4 bytes, and bytes at any address. Outputs must not overlap inputs or each other unless a
 * kernel says that one may be an input; otherwise a UsageError names both ranges. The number of images,
 * planes, rows or elements may be 0: the result is then empty, a sum over nothing is 0, and a mean of nothing
 * is NaN. The order of a sum is part of a kernel's definition. It is written beside the reference, and both
 * follow it.
 *
 * Letters: N batch, C input channels, H W input rows and columns, K output channels, R S window rows and
 * columns, P Q output rows and columns. Tensors are NCHW, weights K × C/groups × R × S, all contiguous.
 */

import type { BlockMeanKernels } from "./block-means.js";
import type { ChannelShape } from "./channel.js";
import type { FixedPointKernels } from "./fixed-point.js";
import type { JpegKernels } from "./jpeg.js";
import type { PoolShape } from "./pool.js";
import type { RangeForm } from "./reference/group-range.js";
import type { SmallFloatKernels } from "./small-float.js";
import type { SparseRowKernels } from "./sparse-rows.js";

export type { ChannelShape, PoolShape };

/** A convolution: P = ⌊(H + 2·padding − R)/stride⌋ + 1, and Q likewise. */
export interface Conv2dShape {
  N: number;
  C: number;
  H: number;
  W: number;
  K: number;
  R: number;
  S: number;
  P: number;
  Q: number;
  stride: number;
  padding: number;
  groups: number;
}

/**
 * N images of C channels become images of K ≥ C channels with P × Q = ⌈H/stride⌉ × ⌈W/stride⌉ values each.
 */
export interface DownsampleShape {
  N: number;
  C: number;
  H: number;
  W: number;
  K: number;
  P: number;
  Q: number;
  stride: number;
}

/** Planes of `size` values each: N·C of them, or N where a whole image is one plane. */
export interface PlaneShape {
  planes: number;
  size: number;
}

/**
 * Rows of `size` values. Each row is cut into groups of `group` values, and the last group is filled up with zeros.
 */
export interface GroupShape {
  rows: number;
  size: number;
  group: number;
  /** How the range of a group is written: see reference/group-range.ts. */
  range: RangeForm;
}

/** The bytes of the codes of a group: whole ones. */
export const groupBytes = (group: number, bits: number): number => Math.ceil((group * bits) / 8);

/**
 * c (m × n) = op(a) · op(b), with op(a) m × k and op(b) k × n; op transposes an operand whose flag is set.
 */
export interface GemmShape {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

export interface SgdStep {
  lr: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

export interface Kernels
  extends JpegKernels,
    FixedPointKernels,
    SmallFloatKernels,
    SparseRowKernels,
    BlockMeanKernels {
  readonly name: "reference" | "simd";
  /** Number of threads that share the work; results do not depend on it. */
  readonly threads: number;

  // ── matrix products ── Each output element is one chain: start at 0 (or the bias), add products in
  // ascending k.
  gemm(c: Float32Array, a: Float32Array, b: Float32Array, shape: GemmShape): void;

  // ── convolution ── Chains ascend over c, r, s (forward, from the bias), k, r, s (input gradient), n, p, q
  // (weight gradient). Window positions in the padding contribute their product with 0. Large 3×3
  // convolutions follow reference/winograd.ts.
  conv2dForward(
    y: Float32Array,
    x: Float32Array,
    w: Float32Array,
    bias: Float32Array | null,
    shape: Conv2dShape,
  ): void;
  conv2dInputGradient(dx: Float32Array, dy: Float32Array, w: Float32Array, shape: Conv2dShape): void;
  /**
   * With `accumulate` the chains continue from the values in dw. Gradients of the parts of a batch, computed
   * one after another, then give the same bits as that of the whole batch.
   */
  conv2dWeightGradient(
    dw: Float32Array,
    dy: Float32Array,
    x: Float32Array,
    shape: Conv2dShape,
    accumulate?: boolean,
  ): void;
  /**
   * energy[k] = Σ_{n,p,q} dy² · (share of the window's C/groups·R·S inputs that are not zero; padding counts
   * as zero). This is Σδ² over the non-zero inputs, averaged over the weights of output channel k: the only
   * reduction that the error law needs.
   */
  conv2dNoiseEnergy(energy: Float32Array, dy: Float32Array, x: Float32Array, shape: Conv2dShape): void;

  // ── per channel ──
  /** y += bias, per channel, in place. */
  addBias(y: Float32Array, bias: Float32Array, shape: ChannelShape): void;
  /** db[c] = Σ_{n,i} dy. */
  biasGradient(db: Float32Array, dy: Float32Array, shape: ChannelShape): void;
  /** Batch mean and biased variance of each channel. */
  channelMoments(mean: Float32Array, variance: Float32Array, x: Float32Array, shape: ChannelShape): void;
  /**
   * y = (x − mean)·invStd·gamma + beta, computed as x·scale + shift with scale = gamma·invStd and shift =
   * beta − mean·scale. y may be x.
   */
  batchNormForward(
    y: Float32Array,
    x: Float32Array,
    mean: Float32Array,
    invStd: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    shape: ChannelShape,
  ): void;
  /**
   * With x̂ = (x − mean)·invStd and M = N·size: dbeta = Σdy, dgamma = Σdy·x̂, dx = gamma·invStd·(dy − dbeta/M
   * − x̂·dgamma/M). dx may be dy or x.
   */
  batchNormBackward(
    dx: Float32Array,
    dgamma: Float32Array,
    dbeta: Float32Array,
    dy: Float32Array,
    x: Float32Array,
    mean: Float32Array,
    invStd: Float32Array,
    gamma: Float32Array,
    shape: ChannelShape,
  ): void;
  /**
   * The same in two passes over parts of a batch. First, for each plane, Σdy and Σdy·x̂, side by side; dbeta and dgamma
   * are the sums over a channel's planes, in ascending order and in binary64.
   */
  batchNormSums(
    dy: Float32Array,
    x: Float32Array,
    mean: Float32Array,
    invStd: Float32Array,
    shape: ChannelShape,
  ): Float64Array;
  /** Second, dx of each part, whose shape is `part`; M = images·size. dx may be dy or x. */
  batchNormGradient(
    dx: Float32Array,
    dgamma: Float32Array,
    dbeta: Float32Array,
    dy: Float32Array,
    x: Float32Array,
    mean: Float32Array,
    invStd: Float32Array,
    gamma: Float32Array,
    part: ChannelShape,
    images: number,
  ): void;
  /** out = 1/√(variance + eps). */
  inverseStd(out: Float32Array, variance: Float32Array, eps: number): void;
  /** running += rate·(value − running). */
  blend(running: Float32Array, value: Float32Array, rate: number): void;

  // ── elementwise ── Outputs may be their inputs.
  /** max(x, 0). −0 gives 0. NaN stays NaN, so that it reaches the loss and is noticed. */
  relu(y: Float32Array, x: Float32Array): void;
  /** dx = y ≠ 0 ? dy : 0, where y is the output of relu. */
  reluBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void;
  /** 1/(1 + e^−x), with the exponential that softmax uses. */
  sigmoid(y: Float32Array, x: Float32Array): void;
  /** dx = dy·y·(1 − y), where y is the output of sigmoid. */
  sigmoidBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void;
  /** x·sigmoid(x). */
  silu(y: Float32Array, x: Float32Array): void;
  /** dx = dy·s·(1 + x·(1 − s)), s = sigmoid(x). */
  siluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void;
  add(y: Float32Array, a: Float32Array, b: Float32Array): void;
  /** y = a − b. */
  subtract(y: Float32Array, a: Float32Array, b: Float32Array): void;
  scale(y: Float32Array, x: Float32Array, factor: number): void;
  fill(y: Float32Array, value: number): void;

  // ── one factor for each plane ──
  /** y = x·factors[plane]. y may be x. */
  scalePlanes(y: Float32Array, x: Float32Array, factors: Float32Array, shape: PlaneShape): void;
  /** dots[plane] = Σ a·b over the plane. */
  dotPlanes(dots: Float32Array, a: Float32Array, b: Float32Array, shape: PlaneShape): void;

  // ── masks and indices in the fewest whole bits ── Little-endian: item i starts at bit i·bits of the byte
  // string.
  /** mask holds one bit per element, x ≠ 0, in ⌈n/8⌉ bytes. */
  packNonZero(mask: Uint8Array, x: Float32Array): void;
  /** dx = bit ? dy·factor : 0. */
  applyMask(dx: Float32Array, dy: Float32Array, mask: Uint8Array, factor: number): void;
  /**
   * Bit i is 1 (kept) with probability 1 − p. It depends on (seed, i) only: a 32-bit integer mix is compared
   * with a threshold. The bits after the last element are 0.
   */
  dropoutMask(mask: Uint8Array, n: number, p: number, seed: number): void;
  /** packed holds ⌈n·bits/8⌉ bytes; bits is 1 … 8. */
  packBits(packed: Uint8Array, values: Uint8Array, bits: number): void;
  unpackBits(values: Uint8Array, packed: Uint8Array, bits: number): void;

  // ── few bits a value ──
  /**
   * Each group becomes codes of bits[row] bits (1 … 8), in `groupBytes` bytes, one group after the other, and its range.
   * Rounds to the nearest code where `seed` is null, else stochastically; value i of a group draws from (seed, index of
   * the group·group + i). The filling counts for the range and has codes. A group with a NaN or an infinity is NaN.
   */
  quantizeGroups(
    packed: Uint8Array,
    ranges: Uint8Array,
    x: Float32Array,
    bits: Uint8Array,
    shape: GroupShape,
    seed: number | null,
  ): void;
  dequantizeGroups(
    x: Float32Array,
    packed: Uint8Array,
    ranges: Uint8Array,
    bits: Uint8Array,
    shape: GroupShape,
  ): void;

  /** energy[row] = Σ (max − min)² over the row's groups, in their order. */
  groupSpans(energy: Float32Array, x: Float32Array, shape: GroupShape): void;
  /**
   * Codes of bits[c] bits (1 … 8) by the levels of channel c, base and step > 0: levels[2c], levels[2c + 1]. Each plane
   * takes `groupBytes(size, bits[c])` bytes.
   */
  quantizeLevels(
    packed: Uint8Array,
    x: Float32Array,
    levels: Float32Array,
    bits: Uint8Array,
    shape: ChannelShape,
    rounding: "floor" | "nearest",
  ): void;
  /** A code stands for the level `middle` of a step above its own. */
  dequantizeLevels(
    x: Float32Array,
    packed: Uint8Array,
    levels: Float32Array,
    bits: Uint8Array,
    shape: ChannelShape,
    middle: number,
  ): void;

  // ── pooling ──
  /**
   * index[i] is r·S + s of the first largest value of window i (NaN counts as largest, as in PyTorch). R·S ≤
   * 256.
   */
  maxPool(y: Float32Array, index: Uint8Array, x: Float32Array, shape: PoolShape): void;
  maxPoolBackward(dx: Float32Array, dy: Float32Array, index: Uint8Array, shape: PoolShape): void;
  avgPool(y: Float32Array, x: Float32Array, shape: PoolShape): void;
  avgPoolBackward(dx: Float32Array, dy: Float32Array, shape: PoolShape): void;

  // ── shortcuts ──
  /** y[n, c + ⌊(K − C)/2⌋, p, q] = x[n, c, stride·p, stride·q]; 0 in the other channels. */
  downsample(y: Float32Array, x: Float32Array, shape: DownsampleShape): void;
  /** Adds dy to the values in dx: dx[n, c, stride·p, stride·q] += dy[n, c + ⌊(K − C)/2⌋, p, q]. */
  downsampleBackward(dx: Float32Array, dy: Float32Array, shape: DownsampleShape): void;

  // ── classification ── Labels are class numbers as float32 (exact below 2^24), so that they can live on the
  // device.
  /** Row-wise and stable: exp(z − max)/Σ. The exponential is the kernels' own polynomial. y may be x. */
  softmax(y: Float32Array, x: Float32Array, rows: number, classes: number): void;
  /**
   * loss[i] = −log softmax(x_i)[label_i], and the probabilities. With smoothing ε the target is (1−ε)·onehot
   * + ε/classes.
   */
  crossEntropy(
    loss: Float32Array,
    probabilities: Float32Array,
    x: Float32Array,
    labels: Float32Array,
    rows: number,
    classes: number,
    smoothing: number,
  ): void;
  /** dx = (probabilities − target)·factor. dx may be probabilities. */
  crossEntropyBackward(
    dx: Float32Array,
    probabilities: Float32Array,
    labels: Float32Array,
    rows: number,
    classes: number,
    smoothing: number,
    factor: number,
  ): void;

  // ── optimiser ──
  /**
   * One pass, in PyTorch's order: g += weightDecay·w; m = momentum·m + g; w −= lr·(nesterov ? g + momentum·m
   * : m). The array g itself is not changed. With m null (momentum 0): w −= lr·g.
   */
  sgd(w: Float32Array, g: Float32Array, m: Float32Array | null, step: SgdStep): void;

  // ── reductions ── Sums follow reference/order.ts (float32 lanes in blocks, blocks added in binary64) and
  // are returned as JavaScript numbers.
  sum(x: Float32Array): number;
  // `before` is the sum over what comes before x: if that is a multiple of 1024 elements, a sum in pieces has the bits
  // of the sum over the whole.
  sumAbs(x: Float32Array, before?: number): number;
  sumSquares(x: Float32Array, before?: number): number;
  maxAbs(x: Float32Array): number;
  countNonZero(x: Float32Array): number;
  /** Index of the first NaN or infinity, or −1 if there is none. */
  nonFinite(x: Float32Array): number;
}
