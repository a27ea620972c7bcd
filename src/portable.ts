/**
 * The public names as a page gets them. No module behind them needs Node. The functions that read and write files have
 * their names here too, so that one set of types is true in Node, in a page and in a bundle; in a page they fail.
 */
import type { openDataset as openFiles } from "./data/open.js";
import { UsageError } from "./error.js";
import type * as checkpoint from "./runs/checkpoint.js";

export { decode, encode, inspect } from "./codec/index.js";
export { Audit } from "./comet/audit.js";
export { Controller } from "./comet/controller.js";
export * as equations from "./comet/law.js";
export { fixed, law, type Policy, paper } from "./comet/policy.js";
export { probe } from "./comet/probe.js";
export { CometStore } from "./comet/store.js";
export type { Dataset, Split } from "./data/dataset.js";
export { fashionClasses, type IdxFile, idxDataset } from "./data/idxset.js";
export { createEngine, type EngineOptions } from "./engine/engine.js";
export {
  apply,
  assertNothingLeaks,
  backward,
  type Engine,
  type Op,
  type Parameter,
  type Site,
} from "./engine/op.js";
export { type Claimant, type Packed, PlainStore, Store } from "./engine/store.js";
export { Tensor } from "./engine/tensor.js";
export * from "./error.js";
export { createModel, models } from "./models/models.js";
export * as nn from "./nn/index.js";
export { sigmoid, silu } from "./ops/activation.js";
export { adaptiveAvgPool2d } from "./ops/adaptive.js";
export { concat } from "./ops/concat.js";
export { conv2d, linear } from "./ops/conv.js";
export { stochasticDepth } from "./ops/depth.js";
export { excite } from "./ops/excite.js";
export { crossEntropy, softmax } from "./ops/loss.js";
export { batchNorm2d } from "./ops/norm.js";
export { add, dropout, flatten, relu } from "./ops/pointwise.js";
export { avgPool2d, maxPool2d } from "./ops/pool.js";
export { createRng } from "./rng.js";
export { type Evaluation, evaluate } from "./training/evaluation.js";
export { hashWeights, type Outcome, type Position, train } from "./training/loop.js";
export { Sgd, schedules } from "./training/optim.js";
export type { TrainRecord } from "./training/records.js";
export { createSession, defaults, type Session, type Settings } from "./training/session.js";

/** What stands in a page for a function that needs files. */
const withoutFiles = (where: string, remedy: string) => async (): Promise<never> => {
  throw new UsageError({ where, expected: "a file system, as in Node", got: "a browser", remedy });
};

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
