/**
 * The cases of the kernels' benchmark, each with the amount of its work, so that it can be compared with the
 * machine's speed.
 */
import type { Conv2dShape, Kernels, PoolShape } from "../src/kernels/kernels.js";

/** Buffers by size; equal calls give equal contents. */
export type Floats = (n: number) => Float32Array;
export type Bytes = (n: number) => Uint8Array;

export interface Case {
  name: string;
  /** The work as multiply-adds, or as bytes read and written; the rate is computed from it. */
  products?: number;
  bytes?: number;
  /** Allocates the buffers and returns the call. */
  prepare(floats: Floats, bytes: Bytes): (kernels: Kernels) => unknown;
}

function conv(
  N: number,
  C: number,
  H: number,
  K: number,
  R: number,
  stride: number,
  padding: number,
  groups = 1,
): Conv2dShape {
  const P = Math.floor((H + 2 * padding - R) / stride) + 1;
  return { N, C, H, W: H, K, R, S: R, P, Q: P, stride, padding, groups };
}

/**
 * Planes too low for Winograd: 3×3 windows computed as chains, with about as many products as 64→64 3×3 56².
 */
const low: Conv2dShape = {
  ...{ N: 19, C: 64, H: 3, W: 56, K: 64, R: 3, S: 3, P: 3, Q: 56 },
  ...{ stride: 1, padding: 1, groups: 1 },
};

function convCases(label: string, s: Conv2dShape): Case[] {
  const products = (s.N * s.K * s.P * s.Q * s.C * s.R * s.S) / s.groups;
  const [x, w, y] = [s.N * s.C * s.H * s.W, (s.K * s.C * s.R * s.S) / s.groups, s.N * s.K * s.P * s.Q];
  const named = (what: string): string => `conv2d ${label} ${what}`;
  return [
    {
      name: named("forward"),
      products,
      prepare(floats) {
        const [out, input, weight] = [floats(y), floats(x), floats(w)];
        return (k) => k.conv2dForward(out, input, weight, null, s);
      },
    },
    {
      name: named("dX"),
      products,
      prepare(floats) {
        const [out, gradient, weight] = [floats(x), floats(y), floats(w)];
        return (k) => k.conv2dInputGradient(out, gradient, weight, s);
      },
    },
    {
      name: named("dW"),
      products,
      prepare(floats) {
        const [out, gradient, input] = [floats(w), floats(y), floats(x)];
        return (k) => k.conv2dWeightGradient(out, gradient, input, s);
      },
    },
  ];
}

function gemm(m: number, n: number, k: number, transposeA: boolean, transposeB: boolean): Case {
  const letters = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  return {
    name: `gemm ${m}×${n}×${k} ${letters}`,
    products: m * n * k,
    prepare(floats) {
      const [c, a, b] = [floats(m * n), floats(m * k), floats(k * n)];
      return (kernels) => kernels.gemm(c, a, b, { m, n, k, transposeA, transposeB });
    },
  };
}

/** A kernel limited by memory: `views` float buffers of n elements, with `passes` reads and writes in all. */
function streaming(
  name: string,
  n: number,
  passes: number,
  run: (k: Kernels, views: Float32Array[], bytes: Uint8Array) => unknown,
): Case {
  return {
    name,
    bytes: 4 * n * passes,
    prepare(floats, bytes) {
      const views = [0, 1, 2].map(() => floats(n));
      const masks = bytes(Math.ceil(n / 8));
      return (k) => run(k, views, masks);
    },
  };
}

function pool(label: string, s: PoolShape): Case[] {
  const [x, y] = [s.planes * s.H * s.W, s.planes * s.P * s.Q];
  const prepare =
    (run: (k: Kernels, x: Float32Array, y: Float32Array, index: Uint8Array) => void): Case["prepare"] =>
    (floats, bytes) => {
      const [input, output, index] = [floats(x), floats(y), bytes(y).fill(0)];
      return (k) => run(k, input, output, index);
    };
  return [
    {
      name: `maxPool ${label}`,
      bytes: 4 * x + 5 * y,
      prepare: prepare((k, a, b, i) => k.maxPool(b, i, a, s)),
    },
    {
      name: `maxPoolBackward ${label}`,
      bytes: 4 * x + 5 * y,
      prepare: prepare((k, a, b, i) => k.maxPoolBackward(a, b, i, s)),
    },
    { name: `avgPool ${label}`, bytes: 4 * (x + y), prepare: prepare((k, a, b) => k.avgPool(b, a, s)) },
    {
      name: `avgPoolBackward ${label}`,
      bytes: 4 * (x + y),
      prepare: prepare((k, a, b) => k.avgPoolBackward(a, b, s)),
    },
  ];
}

const channels = { N: 32, C: 16, size: 1024 };
const n = channels.N * channels.C * channels.size;
const sgdStep = { lr: 0.1, momentum: 0.9, weightDecay: 1e-4, nesterov: false };

/** Five vectors of C parameters, taken from a larger buffer. */
const perChannel = (view: Float32Array): Float32Array[] =>
  [0, 1, 2, 3, 4].map((i) => view.subarray(i * channels.C, (i + 1) * channels.C));

export const cases: Case[] = [
  gemm(512, 512, 512, false, false),
  gemm(512, 512, 512, true, false),
  gemm(512, 512, 512, false, true),
  gemm(4, 4096, 4096, false, true),
  gemm(4096, 4096, 4, true, false),
  gemm(4, 4096, 4096, false, false),
  gemm(64, 120, 400, false, true),
  ...convCases("64→64 3×3 56²", conv(1, 64, 56, 64, 3, 1, 1)),
  ...convCases("64→64 3×3 3×56 ×19 direct", low),
  ...convCases("16→16 3×3 32² ×8", conv(8, 16, 32, 16, 3, 1, 1)),
  ...convCases("32→32 3×3 16² ×8", conv(8, 32, 16, 32, 3, 1, 1)),
  ...convCases("64→64 3×3 8² ×8", conv(8, 64, 8, 64, 3, 1, 1)),
  ...convCases("3→16 3×3 32² ×8", conv(8, 3, 32, 16, 3, 1, 1)),
  ...convCases("32→64 3×3/2 16² ×8", conv(8, 32, 16, 64, 3, 2, 1)),
  ...convCases("256→384 3×3 13² ×2", conv(2, 256, 13, 384, 3, 1, 1)),
  ...convCases("512→512 3×3 7² ×2", conv(2, 512, 7, 512, 3, 1, 1)),
  ...convCases("3→64 11×11/4 224²", conv(1, 3, 224, 64, 11, 4, 2)),
  ...convCases("3→64 7×7/2 112²", conv(1, 3, 112, 64, 7, 2, 3)),
  ...convCases("6→16 5×5 14² ×64", conv(64, 6, 14, 16, 5, 1, 0)),
  ...convCases("1→6 5×5 28² ×64", conv(64, 1, 28, 6, 5, 1, 2)),
  ...convCases("64→256 1×1 28²", conv(1, 64, 28, 256, 1, 1, 0)),
  ...convCases("depthwise 64 3×3 56²", conv(1, 64, 56, 64, 3, 1, 1, 64)),
  streaming("sigmoid", n, 2, (k, [y, x]) => k.sigmoid(y!, x!)),
  streaming("silu", n, 2, (k, [y, x]) => k.silu(y!, x!)),
  streaming("siluBackward", n, 3, (k, [dx, dy, x]) => k.siluBackward(dx!, dy!, x!)),
  streaming("relu", n, 2, (k, [y, x]) => k.relu(y!, x!)),
  streaming("reluBackward", n, 3, (k, [dx, dy, y]) => k.reluBackward(dx!, dy!, y!)),
  streaming("add", n, 3, (k, [y, a, b]) => k.add(y!, a!, b!)),
  streaming("scale", n, 2, (k, [y, x]) => k.scale(y!, x!, 0.5)),
  streaming("fill", n, 1, (k, [y]) => k.fill(y!, 0.5)),
  streaming("packNonZero", n, 1, (k, [x], mask) => k.packNonZero(mask, x!)),
  streaming("applyMask", n, 2, (k, [dx, dy], mask) => k.applyMask(dx!, dy!, mask, 2)),
  streaming("dropoutMask", n, 1, (k, _, mask) => k.dropoutMask(mask, n, 0.5, 7)),
  streaming("addBias", n, 2, (k, [y, b]) => k.addBias(y!, b!.subarray(0, channels.C), channels)),
  streaming("biasGradient", n, 1, (k, [y, b]) => k.biasGradient(b!.subarray(0, channels.C), y!, channels)),
  streaming("channelMoments", n, 2, (k, [x, p]) => {
    const [mean, variance] = perChannel(p!);
    k.channelMoments(mean!, variance!, x!, channels);
  }),
  streaming("batchNormForward", n, 2, (k, [y, x, p]) => {
    const [mean, invStd, gamma, beta] = perChannel(p!);
    k.batchNormForward(y!, x!, mean!, invStd!, gamma!, beta!, channels);
  }),
  {
    name: "batchNormBackward",
    bytes: 4 * n * 6,
    prepare(floats) {
      const [dx, dy, x] = [floats(n), floats(n), floats(n)];
      const [dgamma, dbeta, mean, invStd, gamma] = perChannel(floats(5 * channels.C));
      return (k) => k.batchNormBackward(dx, dgamma!, dbeta!, dy, x, mean!, invStd!, gamma!, channels);
    },
  },
  ...pool("2×2/2 32²", { planes: 512, H: 32, W: 32, R: 2, S: 2, P: 16, Q: 16, stride: 2, padding: 0 }),
  ...pool("3×3/2 27²", { planes: 512, H: 27, W: 27, R: 3, S: 3, P: 13, Q: 13, stride: 2, padding: 0 }),
  ...pool("8×8 global", { planes: 2048, H: 8, W: 8, R: 8, S: 8, P: 1, Q: 1, stride: 1, padding: 0 }),
  streaming("softmax 512 × 1024", n, 2, (k, [y, x]) => k.softmax(y!, x!, 512, 1024)),
  streaming("sgd momentum", n, 5, (k, [w, g, m]) => k.sgd(w!, g!, m!, sgdStep)),
  streaming("sum", n, 1, (k, [x]) => k.sum(x!)),
  streaming("sumSquares", n, 1, (k, [x]) => k.sumSquares(x!)),
  streaming("maxAbs", n, 1, (k, [x]) => k.maxAbs(x!)),
  streaming("countNonZero", n, 1, (k, [x]) => k.countNonZero(x!)),
  streaming("nonFinite", n, 1, (k, [x]) => k.nonFinite(x!)),
  {
    name: "conv2dNoiseEnergy 16→16 3×3 32² ×32",
    bytes: 4 * 2 * n,
    prepare(floats) {
      const [energy, dy, x] = [floats(16), floats(n), floats(n)];
      return (k) => k.conv2dNoiseEnergy(energy, dy, x, conv(32, 16, 32, 16, 3, 1, 1));
    },
  },
];
