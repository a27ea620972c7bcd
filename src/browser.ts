/**
 * The public names as a page gets them. No module behind them needs Node. The functions that read and write files have
 * their names here too, so that one set of types is true in Node, in a page and in a bundle; in a page they fail.
 */
import type { openDataset as openFiles } from "./data/open.js";
import { UsageError } from "./error.js";
import type * as weights from "./models/weights.js";
import type * as checkpoint from "./runs/checkpoint.js";

export { decode, encode, inspect } from "./codec/index.js";
export { Controller } from "./comet/controller.js";
export * as equations from "./comet/law.js";
export { fixed } from "./comet/policies/fixed.js";
export { law } from "./comet/policies/law.js";
export { paper } from "./comet/policies/paper.js";
export { spread } from "./comet/policies/spread.js";
export type { Bounds, Policy, SiteState } from "./comet/policy.js";
export { CometStore } from "./comet/store.js";
export {
  type DatasetParts,
  datasetOf,
  type ImageSource,
  type LabelledArrays,
  type LabelledImage,
} from "./data/arrays.js";
export type { Dataset, Split } from "./data/dataset.js";
export { fashionClasses, type IdxFile, idxDataset } from "./data/idxset.js";
export type { Block, Device } from "./device/device.js";
export { type ChainRow, chainRows } from "./engine/chain-rows.js";
export type { StoreController } from "./engine/controller.js";
export { createEngine, type EngineOptions } from "./engine/engine.js";
export type { GradientReceiver } from "./engine/gradients.js";
export type { NoiseLaw, NoiseRun, NoiseWatch, Observation } from "./engine/noise.js";
export type { Backward, Forward, GradientWriter, Op } from "./engine/op.js";
export { imagesOf, type Need, type Packed, Raw, type SaveRequest } from "./engine/packed.js";
export type { Parameter, Site } from "./engine/parameter.js";
export { rehearse } from "./engine/rehearsal.js";
export { type PackEvent, PlainStore, Store } from "./engine/store.js";
export { apply, assertNothingLeaks, backward, type Engine } from "./engine/tape.js";
export { Tensor } from "./engine/tensor.js";
export * from "./error.js";
export type { Input } from "./models/input.js";
export { createModel, models } from "./models/models.js";
export * as nn from "./nn/index.js";
export { type Curvature, elementwiseNoise } from "./noise/elementwise.js";
export { sigmoid, silu } from "./ops/activation.js";
export { adaptiveAvgPool2d } from "./ops/adaptive.js";
export { concat } from "./ops/concat.js";
export { conv2d, linear } from "./ops/conv.js";
export { stochasticDepth } from "./ops/depth.js";
export { squeezeExcitation } from "./ops/excitation.js";
export { crossEntropy, softmax } from "./ops/loss.js";
export { batchNorm2d } from "./ops/norm.js";
export { add, dropout, flatten, relu } from "./ops/pointwise.js";
export { avgPool2d, maxPool2d } from "./ops/pool.js";
export { createRng, type Rng } from "./rng.js";
export { Audit } from "./stores/audit.js";
export { GradientErrors, type LayerError, totalNoise } from "./stores/gradient-error.js";
export { type ProbeRow, probe } from "./stores/probe.js";
export { type Evaluation, evaluate } from "./training/evaluation.js";
export type { TrainHooks } from "./training/hooks.js";
export { type Outcome, train } from "./training/loop.js";
export { Sgd, schedules } from "./training/optim.js";
export type { Position } from "./training/position.js";
export { type Classification, predict } from "./training/predict.js";
export type { EpochRecord, StepRecord, TrainRecord } from "./training/records.js";
export { createSession, type Session, type SessionParts } from "./training/session.js";
export { defaults, type Settings } from "./training/settings.js";
export { hashWeights } from "./training/weights-hash.js";

/** Stands in a page for a function that needs files. */
const withoutFiles = (where: string, remedy: string) => async (): Promise<never> => {
  throw new UsageError({ where, expected: "a file system, as in Node", got: "a browser", remedy });
};

const weightsInNode = "train in Node to write and read weights";

export const loadWeights: typeof weights.loadWeights = withoutFiles("loadWeights", weightsInNode);
export const saveWeights: typeof weights.saveWeights = withoutFiles("saveWeights", weightsInNode);

const trainInNode = "train in Node to write and read checkpoints";

export const openDataset: typeof openFiles = withoutFiles("openDataset", "give the bytes to idxDataset");
export const listCheckpoints: typeof checkpoint.listCheckpoints = withoutFiles(
  "listCheckpoints",
  trainInNode,
);
export const readCheckpoint: typeof checkpoint.readCheckpoint = withoutFiles("readCheckpoint", trainInNode);
export const writeCheckpoint: typeof checkpoint.writeCheckpoint = withoutFiles(
  "writeCheckpoint",
  trainInNode,
);
export const restore: typeof checkpoint.restore = withoutFiles("restore", trainInNode);
