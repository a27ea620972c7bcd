/**
 * A piece of the trained ResNet-8 on which the laws can be watched: its real inputs, its weights, and the gradient that
 * reached its output. COMET's store keeps what the piece saves, `probe` draws errors and compares the gradients with
 * those of a plain store, and the noise laws predict what the comparison finds.
 *
 *   convolution   x ─► conv1 ─► c                                         Σ δ·e
 *   norm          x ─► conv1 ─► bn1 ─► z                                   the same, and what bn1 sends to conv1
 *   sum           x ─► conv1 ─► bn1 ─► relu ─► block, p = z + s ─► relu    z is made again as p − s: two errors meet
 */
import { errorVariance, lawBound } from "../../../src/comet/law.js";
import type { CometStore } from "../../../src/comet/store.js";
import { createEngine } from "../../../src/engine/engine.js";
import type { Op } from "../../../src/engine/op.js";
import { rehearse } from "../../../src/engine/rehearsal.js";
import { apply, type Engine } from "../../../src/engine/tape.js";
import { Tensor } from "../../../src/engine/tensor.js";
import type { NamedTensor } from "../../../src/files/safetensors-bytes.js";
import { referenceKernels } from "../../../src/kernels/reference.js";
import { basicBlock } from "../../../src/models/resnet-cifar.js";
import { BatchNorm2d, build, Conv2d, type Module, name, ReLU, Sequential } from "../../../src/nn/index.js";
import { deriveSeed } from "../../../src/rng.js";
import { cometStore } from "../../../src/stores/comet.js";
import { GradientErrors } from "../../../src/stores/gradient-error.js";
import { keepingStatistics, probe } from "../../../src/stores/probe.js";
import { defaults } from "../../../src/training/settings.js";

export const kinds = ["convolution", "norm", "sum"] as const;
export type Kind = (typeof kinds)[number];

export interface Choice {
  kind: Kind;
  bound: number;
  quantizer: "dithered" | "support" | "paper";
  /** The grey that takes the place of the exact zeros of the images' background; 0 leaves them. */
  background: number;
}

/** What is known of one parameter's gradient after some draws. */
export interface Row {
  parameter: string;
  weights: number;
  /** The root mean square of the exact gradient. */
  gradient: number;
  /** The root mean square of its error over all weights and draws, what the laws predict, and the site's own part of that. */
  measured: number;
  predicted: number;
  own: number;
}

export interface Draws {
  draws: number;
  rows: Row[];
  /** Errors ÷ the predicted σ of their channel, by parameter: those of the last draws. */
  standardized: Record<string, number[]>;
  /** For one convolution: b·Σ|δ|, the largest error that the bound alone allows, the mean over the weights; else null. */
  worstCase: number | null;
  /** By parameter: of each weight, the root mean square of its error over all draws, and the σ predicted of its channel. */
  weights: Record<string, { measured: number[]; predicted: number[] }>;
}

/** The loss Σ δ·y: its gradient with respect to y is δ. */
const weightedSum: Op<{ delta: Float32Array }> = {
  name: "weightedSum",
  saves: {},
  forward(run, [y], { delta }) {
    const loss = run.empty([1]);
    loss.data[0] = y!.data.reduce((sum, value, i) => sum + value * delta[i]!, 0);
    return { y: loss };
  },
  backward(run, dy, { delta }) {
    const gradient = run.empty(shapes.get(delta)!);
    gradient.data.set(delta);
    dy.dispose();
    return [gradient];
  },
};

/** The shape of each δ. */
const shapes = new WeakMap<Float32Array, readonly number[]>();

const pieces: Readonly<Record<Kind, { delta: string; main: string }>> = {
  convolution: { delta: "delta/conv1", main: "conv1.x" },
  norm: { delta: "delta/bn1", main: "bn1" },
  sum: { delta: "delta/layer1.0.relu", main: "layer1.0.bn2" },
};

function moduleOf(engine: Engine, kind: Kind): Module {
  const b = build(engine, 1);
  const conv1 = new Conv2d(b, 1, 16, 3, { padding: 1, bias: false });
  if (kind === "convolution") return name(new Sequential({ conv1 }));
  const bn1 = new BatchNorm2d(b, 16);
  if (kind === "norm") return name(new Sequential({ conv1, bn1 }));
  const layer1 = new Sequential([basicBlock(b, 16, 16, 1)]);
  return name(new Sequential({ conv1, bn1, relu: new ReLU(), layer1 }));
}

/** Keeps the root mean square of each exact gradient, and the squares of the errors of each weight. */
class Collected extends GradientErrors {
  readonly gradients = new Map<string, number>();
  readonly squares = new Map<string, Float64Array>();

  override add(parameter: string, error: Float32Array, gradient: Float32Array): void {
    const square = gradient.reduce((sum, value) => sum + value * value, 0) / gradient.length;
    this.gradients.set(parameter, Math.sqrt(square));
    const squares = this.squares.get(parameter) ?? new Float64Array(error.length);
    this.squares.set(parameter, squares);
    for (let i = 0; i < error.length; i++) squares[i]! += error[i]! ** 2;
    super.add(parameter, error, gradient);
  }
}

/** Sums over all draws so far. */
interface Sums {
  draws: number;
  measured: number;
  predicted: number;
  own: number;
}

export class Experiment {
  readonly choice: Choice;
  readonly #engine: Engine;
  readonly #model: Module;
  readonly #x: Float32Array;
  readonly #shape: readonly number[];
  readonly #delta: Float32Array;
  readonly #sums = new Map<string, Sums>();
  readonly #collected = new Collected();
  #draws = 0;

  /** `samples`: the tensors of the site's samples by name. */
  constructor(samples: ReadonlyMap<string, NamedTensor>, choice: Choice) {
    this.choice = choice;
    const images = samples.get("images")!;
    this.#shape = images.shape;
    this.#x = images.data.map((value) => (value === 0 ? choice.background : value));
    const delta = samples.get(pieces[choice.kind].delta)!;
    this.#delta = delta.data;
    shapes.set(delta.data, delta.shape);
    this.#engine = createEngine({ memory: "64MiB", threads: 1 });
    this.#model = moduleOf(this.#engine, choice.kind);
    for (const [key, tensor] of this.#model.state()) tensor.data.set(samples.get(`w/${key}`)!.data);
    this.#engine.store = this.#storeFor(choice.bound);
    this.#rehearse();
  }

  #storeFor(bound: number): CometStore {
    const { quantizer } = this.choice;
    return cometStore(this.#engine, {
      ...defaults,
      policy: "fixed",
      bound,
      quantizer,
      mode: "fast",
      every: 1,
    });
  }

  readonly #forward = (): Tensor => {
    const y = this.#model.forward(Tensor.from(this.#engine, this.#x, this.#shape));
    return apply(weightedSum, [y], { delta: this.#delta });
  };

  #rehearse(): void {
    keepingStatistics(this.#model, () => rehearse(this.#engine, this.#forward));
  }

  /** Draws errors `count` more times, or once where they are not random, and returns what all draws so far have in common. */
  draw(count: number): Draws {
    const { store } = this.#engine;
    this.#engine.stepSeed = deriveSeed(1, `draws from ${this.#draws}`);
    const found = probe(this.#engine, this.#model, this.#forward, count, this.#collected);
    const drawn = store.random ? count : 1;
    this.#draws += drawn;
    const rows: Row[] = [];
    const standardized: Draws["standardized"] = {};
    const weights: Draws["weights"] = {};
    for (const row of found) {
      if (row.predicted === null || row.own === null) continue;
      const sums = this.#sums.get(row.parameter) ?? { draws: 0, measured: 0, predicted: 0, own: 0 };
      this.#sums.set(row.parameter, sums);
      sums.draws += drawn;
      for (const part of ["measured", "predicted", "own"] as const) sums[part] += drawn * row[part]! ** 2;
      const mean = (part: "measured" | "predicted" | "own") => Math.sqrt(sums[part] / sums.draws);
      rows.push({
        parameter: row.parameter,
        weights: row.weights,
        gradient: this.#collected.gradients.get(row.parameter)!,
        measured: mean("measured"),
        predicted: mean("predicted"),
        own: mean("own"),
      });
      standardized[row.parameter] = row.standardized;
      weights[row.parameter] = this.#weightsOf(rows.at(-1)!, sums.draws);
    }
    return { draws: this.#draws, rows, standardized, weights, worstCase: this.#worstCase() };
  }

  /** Σ|δ| over the inputs that are not 0 is the noise energy of √|δ|. */
  #worstCase(): number | null {
    if (this.choice.kind !== "convolution") return null;
    const [N, K, P, Q] = shapes.get(this.#delta) as [number, number, number, number];
    const [, C, H, W] = this.#shape as [number, number, number, number];
    const shape = { N, C, H, W, K, R: 3, S: 3, P, Q, stride: 1, padding: 1, groups: 1 };
    const sums = new Float32Array(K);
    const roots = this.#delta.map((value) => Math.sqrt(Math.abs(value)));
    referenceKernels.conv2dNoiseEnergy(sums, roots, this.#x, shape);
    return (this.choice.bound * sums.reduce((a, b) => a + b, 0)) / K;
  }

  #weightsOf({ parameter, predicted, own }: Row, draws: number): { measured: number[]; predicted: number[] } {
    const { sites } = (this.#engine.store as CometStore).controller;
    const { observation, applied } = [...sites.values()].find(
      ({ site }) => site.parameter?.name === parameter,
    )!;
    const { energy } = observation!;
    const measured = Array.from(this.#collected.squares.get(parameter)!, (sum) => Math.sqrt(sum / draws));
    // What has travelled from above is known as a mean over the channels.
    const received = Math.max(0, predicted ** 2 - own ** 2);
    const ofChannel = Array.from(energy, (sum) => Math.sqrt(errorVariance(applied) * sum + received));
    return {
      measured,
      predicted: measured.map((_, i) => ofChannel[Math.floor((i * energy.length) / measured.length)]!),
    };
  }

  /**
   * The law turned round: the bound of all tensors under which the gradient of the piece's own op has an error of this σ.
   * It follows from what the op's noise law reported in the last draws. A tensor that is made from two stored ones has
   * two errors, which count as one under a wider bound.
   */
  boundFor(sigma: number): number {
    const { controller } = this.#engine.store as CometStore;
    const { observation, applied } = [...controller.sites.values()].find(({ site }) =>
      site.name.startsWith(pieces[this.choice.kind].main),
    )!;
    return (lawBound(sigma, observation!) * this.choice.bound) / applied;
  }

  close(): Promise<void> {
    this.#engine.store.close();
    return this.#engine.close();
  }
}
