/**
 * The kernels in plain TypeScript; they define what each kernel computes, operation by operation. `simd`
 * returns the same bits. Every float32 operation is followed by Math.fround, or by a store into a
 * Float32Array, which rounds as well.
 */
import type { Kernels } from "./kernels.js";
import * as activation from "./reference/activation.js";
import * as channel from "./reference/channel.js";
import * as classification from "./reference/classification.js";
import * as conv2d from "./reference/conv2d.js";
import * as elementwise from "./reference/elementwise.js";
import { gemm } from "./reference/gemm.js";
import * as mask from "./reference/mask.js";
import * as observation from "./reference/observation.js";
import * as plane from "./reference/plane.js";
import * as pool from "./reference/pool.js";
import { sgd } from "./reference/sgd.js";
import * as shortcut from "./reference/shortcut.js";

export const referenceKernels: Kernels = {
  name: "reference",
  threads: 1,
  gemm,
  conv2dForward: conv2d.conv2dForward,
  conv2dInputGradient: conv2d.conv2dInputGradient,
  conv2dWeightGradient: conv2d.conv2dWeightGradient,
  conv2dNoiseEnergy: conv2d.conv2dNoiseEnergy,
  addBias: channel.addBias,
  biasGradient: channel.biasGradient,
  channelMoments: channel.channelMoments,
  batchNormForward: channel.batchNormForward,
  batchNormBackward: channel.batchNormBackward,
  inverseStd: channel.inverseStd,
  blend: channel.blend,
  relu: elementwise.relu,
  reluBackward: elementwise.reluBackward,
  sigmoid: activation.sigmoid,
  sigmoidBackward: activation.sigmoidBackward,
  silu: activation.silu,
  siluBackward: activation.siluBackward,
  add: elementwise.add,
  subtract: elementwise.subtract,
  scale: elementwise.scale,
  fill: elementwise.fill,
  scalePlanes: plane.scalePlanes,
  dotPlanes: plane.dotPlanes,
  packNonZero: mask.packNonZero,
  applyMask: mask.applyMask,
  dropoutMask: mask.dropoutMask,
  packBits: mask.packBits,
  unpackBits: mask.unpackBits,
  maxPool: pool.maxPool,
  maxPoolBackward: pool.maxPoolBackward,
  avgPool: pool.avgPool,
  avgPoolBackward: pool.avgPoolBackward,
  downsample: shortcut.downsample,
  downsampleBackward: shortcut.downsampleBackward,
  softmax: classification.softmax,
  crossEntropy: classification.crossEntropy,
  crossEntropyBackward: classification.crossEntropyBackward,
  sgd,
  sum: observation.sum,
  sumAbs: observation.sumAbs,
  sumSquares: observation.sumSquares,
  maxAbs: observation.maxAbs,
  countNonZero: observation.countNonZero,
  nonFinite: observation.nonFinite,
};
