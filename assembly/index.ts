/**
 * The engine's kernels in WebAssembly SIMD. src/kernels/simd.ts calls them; src/kernels/reference defines
 * what they compute.
 *
 * Arguments: addresses in the device's memory, then sizes and scalars, then the range of units to compute
 * (begin, end), then the address of a workspace that only this caller uses. A unit's outputs depend on no
 * other unit, so any split of the range over workers gives the same bits. Shapes are read from memory, as i32
 * in the order of their classes.
 */
export * from "./codec";
export * from "./kernels/activation";
export { addMeans, subtractMeans } from "./kernels/block_means";
export { addBias, batchNormForward, biasGradient, blend, inverseStd } from "./kernels/channel";
export * from "./kernels/classification";
export {
  conv2dForward,
  conv2dForwardPacked,
  conv2dForwardUnits,
  conv2dForwardWorkspace,
  conv2dPackForward,
} from "./kernels/conv2d_forward";
export {
  conv2dInputGradient,
  conv2dInputGradientPacked,
  conv2dInputGradientUnits,
  conv2dInputGradientWorkspace,
  conv2dPackInputGradient,
} from "./kernels/conv2d_input";
export {
  conv2dWeightGradient,
  conv2dWeightGradientImageBytes,
  conv2dWeightGradientImages,
  conv2dWeightGradientSum,
  conv2dWeightGradientUnits,
  conv2dWeightGradientWorkspace,
} from "./kernels/conv2d_weight";
export { dctForward, dctInverse } from "./kernels/dct";
export { add, fill, relu, reluBackward, scale, subtract } from "./kernels/elementwise";
export { fixedCounts, packFixed, unpackFixed } from "./kernels/fixed_point";
export { gemm, gemmWorkspace } from "./kernels/gemm";
export { dequantizeGroups, groupSpans, quantizeGroups } from "./kernels/groups";
export { dequantizeLevels, quantizeLevels } from "./kernels/levels";
export { applyMask, dropoutMask, packBits, packNonZero, unpackBits } from "./kernels/mask";
export * from "./kernels/moments";
export { conv2dNoiseEnergy, conv2dNoiseEnergyWorkspace } from "./kernels/noise";
export * from "./kernels/norm";
export * from "./kernels/plane";
export * from "./kernels/pool";
export { squareRemainder } from "./kernels/product";
export * from "./kernels/reduction";
export { runLengthCounts, runLengthPack, runLengthUnpack } from "./kernels/runlength";
export { channelExtremes, dequantizeChannels, quantizeChannels } from "./kernels/scale";
export { sgd } from "./kernels/sgd";
export * from "./kernels/shortcut";
export { narrowFloats, widenFloats } from "./kernels/small_float";
export { maskRows, packRows, rowCounts, unpackRows } from "./kernels/sparse_rows";
// Benchmarks use these two to measure the machine's speed.
export { multiplyPacked } from "./kernels/tile";
export { copy } from "./kernels/vector";
export { nonZeroBytes, zvcPack, zvcUnpack } from "./kernels/zvc";

const firstFree: usize = __heap_base;

/** The first byte after the module's static data; the device's memory begins here. */
export { firstFree as __heap_base };
