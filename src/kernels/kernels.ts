/**
 * Every hot loop of the engine, as one interface with two implementations that return the same bits:
 * `reference` (plain TypeScript, Math.fround after every float32 operation; read this one) and `simd` (AssemblyScript).
 *
 * All float arguments are float32 views. The SIMD kernels need them to lie in the device's memory, anywhere in it: floats
 * at any multiple of 4 bytes, where JavaScript has them, and bytes at any address. Outputs must not overlap inputs or each
 * other unless a kernel says that one may be an input: that is an error which tells both ranges. Any number of images,
 * planes, rows or elements may be 0: the result is empty, a sum over nothing is 0, and a mean of nothing no number.
 * An order of summation is part of a kernel's meaning: it is written beside the reference, and both follow it.
 *
 * Letters: N batch, C input channels, H W input rows and columns, K output channels, R S window rows and columns,
 * P Q output rows and columns. Tensors are NCHW, weights K × C/groups × R × S, all contiguous.
 */

/** A convolution. P = ⌊(H + 2·padding − R)/stride⌋ + 1, likewise Q. */
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
 * A pooling window over each of N·C planes. Windows of max pooling may reach over the far edges, as far as they still
 * begin inside the plane (PyTorch's ceil mode); those of average pooling lie within plane and padding. Padding counts as −∞
 * for max and is left out of an average's sum, not of its divisor.
 */
export interface PoolShape {
  /** N·C. */
  planes: number;
  H: number;
  W: number;
  R: number;
  S: number;
  P: number;
  Q: number;
  stride: number;
  padding: number;
}

/** N images of C channels become images of K ≥ C channels, of P × Q = ⌈H/stride⌉ × ⌈W/stride⌉ values. */
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

/** N images of C channels of `size` = H·W values. */
export interface ChannelShape {
  N: number;
  C: number;
  size: number;
}

/** Planes of `size` values: N·C of them, or N where all of an image is one. */
export interface PlaneShape {
  planes: number;
  size: number;
}

/** c (m × n) = op(a) · op(b), with op(a) m × k and op(b) k × n; a transposed operand is stored the other way round. */
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

export interface Kernels {
  readonly name: "reference" | "simd";
  /** How many threads share the work; results do not depend on it. */
  readonly threads: number;

  // ── matrix products ── each output element is one chain: start at 0 (or the bias), add products in ascending k.
  gemm(c: Float32Array, a: Float32Array, b: Float32Array, shape: GemmShape): void;

  // ── convolution ── chains ascend over c, r, s (forward, from the bias), k, r, s (input gradient), n, p, q (weight gradient);
  // window positions in the padding contribute the product with 0. Large 3×3 ones: see reference/winograd.ts.
  conv2dForward(
    y: Float32Array,
    x: Float32Array,
    w: Float32Array,
    bias: Float32Array | null,
    shape: Conv2dShape,
  ): void;
  conv2dInputGradient(dx: Float32Array, dy: Float32Array, w: Float32Array, shape: Conv2dShape): void;
  /** With `accumulate` the chains go on from what is in dw: parts of a batch, one after the other, give the whole's bits. */
  conv2dWeightGradient(
    dw: Float32Array,
    dy: Float32Array,
    x: Float32Array,
    shape: Conv2dShape,
    accumulate?: boolean,
  ): void;
  /**
   * energy[k] = Σ_{n,p,q} dy² · (share of the window's C/groups·R·S inputs that are not zero; padding counts as zero).
   * This is Σδ² over the non-zero inputs, averaged over the weights of output channel k: the law's only reduction.
   */
  conv2dNoiseEnergy(energy: Float32Array, dy: Float32Array, x: Float32Array, shape: Conv2dShape): void;

  // ── per channel ──
  /** y += bias, per channel, in place. */
  addBias(y: Float32Array, bias: Float32Array, shape: ChannelShape): void;
  /** db[c] = Σ_{n,i} dy. */
  biasGradient(db: Float32Array, dy: Float32Array, shape: ChannelShape): void;
  /** Batch mean and biased variance of each channel. */
  channelMoments(mean: Float32Array, variance: Float32Array, x: Float32Array, shape: ChannelShape): void;
  /** y = (x − mean)·invStd·gamma + beta, as x·scale + shift with scale = gamma·invStd, shift = beta − mean·scale. y may be x. */
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
   * With x̂ = (x − mean)·invStd and M = N·size: dbeta = Σdy, dgamma = Σdy·x̂,
   * dx = gamma·invStd·(dy − dbeta/M − x̂·dgamma/M). dx may be dy.
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
  /** out = 1/√(variance + eps). */
  inverseStd(out: Float32Array, variance: Float32Array, eps: number): void;
  /** running += rate·(value − running). */
  blend(running: Float32Array, value: Float32Array, rate: number): void;

  // ── elementwise ── outputs may be their inputs.
  /** max(x, 0). −0 gives 0; NaN stays NaN, so that a number gone wrong reaches the loss and is seen. */
  relu(y: Float32Array, x: Float32Array): void;
  /** dx = y ≠ 0 ? dy : 0, y the output of relu: positive where it is not 0. */
  reluBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void;
  /** 1/(1 + e^−x), with the exponential of softmax. */
  sigmoid(y: Float32Array, x: Float32Array): void;
  /** dx = dy·y·(1 − y), y the output of sigmoid. */
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

  // ── a number for each plane ──
  /** y = x·factors[plane]. y may be x. */
  scalePlanes(y: Float32Array, x: Float32Array, factors: Float32Array, shape: PlaneShape): void;
  /** dots[plane] = Σ a·b over the plane. */
  dotPlanes(dots: Float32Array, a: Float32Array, b: Float32Array, shape: PlaneShape): void;

  // ── masks and indices in the fewest whole bits ── little-endian: item i sits at bit i·bits of the byte string.
  /** One bit an element: x ≠ 0. mask: ⌈n/8⌉ bytes. */
  packNonZero(mask: Uint8Array, x: Float32Array): void;
  /** dx = bit ? dy·factor : 0. */
  applyMask(dx: Float32Array, dy: Float32Array, mask: Uint8Array, factor: number): void;
  /**
   * Bit i is 1 (kept) with probability 1 − p, a function of (seed, i) alone: a 32-bit integer mix compared with a
   * threshold. The bits behind the last element are 0.
   */
  dropoutMask(mask: Uint8Array, n: number, p: number, seed: number): void;
  /** packed: ⌈n·bits/8⌉ bytes; bits 1 … 8. */
  packBits(packed: Uint8Array, values: Uint8Array, bits: number): void;
  unpackBits(values: Uint8Array, packed: Uint8Array, bits: number): void;

  // ── pooling ──
  /** index[i]: r·S + s of the first largest value of window i (NaN counts as largest, as in PyTorch). R·S ≤ 256. */
  maxPool(y: Float32Array, index: Uint8Array, x: Float32Array, shape: PoolShape): void;
  maxPoolBackward(dx: Float32Array, dy: Float32Array, index: Uint8Array, shape: PoolShape): void;
  avgPool(y: Float32Array, x: Float32Array, shape: PoolShape): void;
  avgPoolBackward(dx: Float32Array, dy: Float32Array, shape: PoolShape): void;

  // ── shortcuts ──
  /** y[n, c + ⌊(K − C)/2⌋, p, q] = x[n, c, stride·p, stride·q]; 0 in the other channels. */
  downsample(y: Float32Array, x: Float32Array, shape: DownsampleShape): void;
  /** Adds dy to what is in dx: dx[n, c, stride·p, stride·q] += dy[n, c + ⌊(K − C)/2⌋, p, q]. */
  downsampleBackward(dx: Float32Array, dy: Float32Array, shape: DownsampleShape): void;

  // ── classification ── labels: class numbers as float32 (exact below 2^24), so that they live on the device like all else.
  /** Row-wise, stable: exp(z − max)/Σ. The exponential is the kernels' own polynomial. y may be x. */
  softmax(y: Float32Array, x: Float32Array, rows: number, classes: number): void;
  /** loss[i] = −log softmax(x_i)[label_i], and probabilities. With smoothing ε the target is (1−ε)·onehot + ε/classes. */
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
   * One pass, PyTorch's order: g += weightDecay·w; m = momentum·m + g; w −= lr·(nesterov ? g + momentum·m : m).
   * The array g itself keeps its values.
   * With m null (momentum 0): w −= lr·g.
   */
  sgd(w: Float32Array, g: Float32Array, m: Float32Array | null, step: SgdStep): void;

  // ── observation ── sums in the order of reference/order.ts (float32 lanes in blocks, blocks in binary64), as JavaScript numbers.
  sum(x: Float32Array): number;
  sumAbs(x: Float32Array): number;
  sumSquares(x: Float32Array): number;
  maxAbs(x: Float32Array): number;
  countNonZero(x: Float32Array): number;
  /** Index of the first NaN or infinity, −1 if there is none. */
  nonFinite(x: Float32Array): number;
}
