/** The public names that a page and Node have in common: all but files. No module behind them needs Node. */
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
