/** Passes of small networks that may differ from one step to the next, for laws of plans. */
import assert from "node:assert/strict";
import { createEngine } from "../../src/engine/engine.js";
import type { Packed, SaveRequest } from "../../src/engine/packed.js";
import type { Parameter, Site } from "../../src/engine/parameter.js";
import type { ChooseSegments, Keeps } from "../../src/engine/plan.js";
import { SavedTensor } from "../../src/engine/saved.js";
import { PlainStore, type Store } from "../../src/engine/store.js";
import { assertNothingLeaks, backward, type Engine } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { silu } from "../../src/ops/activation.js";
import { conv2d } from "../../src/ops/conv.js";
import { stochasticDepth } from "../../src/ops/depth.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { type BatchNormState, batchNorm2d } from "../../src/ops/norm.js";
import { add, dropout, flatten, relu } from "../../src/ops/pointwise.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

/** Keeps what `keeps` says, as it is, and checks that it hears of requests in time. */
export class Keeping extends PlainStore {
  override readonly keeps: Keeps;
  override readonly segments: ChooseSegments | null;
  /** The sites whose requests were announced in this pass, and those among them of which a tensor was packed. */
  readonly announced = new Set<string>();
  readonly #packed = new Set<string>();
  #each = false;
  override readonly controller = {
    requested: ({ name }: Site) => {
      assert.ok(
        !this.#each || !this.#packed.has(name),
        `the request of ${name} is announced after a tensor was packed for it`,
      );
      this.announced.add(name);
    },
  };

  constructor(keeps: Keeps, segments: ChooseSegments | null = null) {
    super();
    this.keeps = keeps;
    this.segments = segments;
  }

  /** `each`: no op is applied twice, and none is other than planned. */
  begin(each: boolean): void {
    this.#each = each;
    this.announced.clear();
    this.#packed.clear();
  }

  override pack(tensor: Tensor, requests: readonly SaveRequest[] = []): Packed {
    for (const { site } of requests) {
      assert.ok(this.announced.has(site.name), `${site.name} is packed before its request is announced`);
      this.#packed.add(site.name);
    }
    return super.pack(tensor);
  }
}

export const channels = 3;
/** How far back an operand may be. */
export const reach = 4;
export const kinds = ["conv", "norm", "relu", "silu", "add", "depth", "dropout"] as const;

/** One op of a network: on the value that `from` steps back, and of a sum also on the one `other` steps back. */
export interface Line {
  readonly id: number;
  readonly kind: (typeof kinds)[number];
  readonly from: number;
  readonly other: number;
}

/** A network that is a list of ops; each op has parameters of its own, by its id. */
export class Network {
  readonly #engine: Engine;
  readonly parameters = new Map<string, Parameter>();
  readonly #norms = new Map<number, BatchNormState>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  #parameter(name: string, shape: readonly number[], value: (i: number) => number): Parameter {
    const known = this.parameters.get(name);
    if (known) return known;
    const tensor = Tensor.empty(this.#engine, shape, name, "parameters");
    tensor.data.set(Array.from(tensor.data, (_, i) => value(i)));
    const parameter: Parameter = { name, value: tensor, gradient: null };
    this.parameters.set(name, parameter);
    return parameter;
  }

  norm(id: number): BatchNormState {
    const vector = (name: string, value: number) =>
      this.#parameter(`${name}${id}`, [channels], (i) => value + 0.1 * i);
    const known = this.#norms.get(id) ?? {
      weight: vector("gamma", 1),
      bias: vector("beta", 0.1),
      runningMean: vector("mean", 0).value,
      runningVar: vector("variance", 1).value,
      eps: 1e-5,
      momentum: 0.1,
      training: true,
    };
    this.#norms.set(id, known);
    return known;
  }

  /** The loss on `images` random images. */
  loss(lines: readonly Line[], images: number): Tensor {
    const rng = createRng(seed);
    const size = 16 * channels * images;
    const x = Tensor.from(
      this.#engine,
      Float32Array.from({ length: size }, () => 2 * rng.uniform() - 1),
      [images, channels, 4, 4],
    );
    const values = [x];
    const operands = lines.map(({ kind, from, other }, at) =>
      (kind === "add" ? [from, other] : [from]).map((back) => Math.max(0, at - back)),
    );
    // A value moves into the op that uses it last, so bytes go, and are overwritten, while the pass runs.
    const left = [x, ...lines].map((_, value) => operands.flat().filter((used) => used === value).length);
    const used = (value: number) => (--left[value]! > 0 ? values[value]!.ref : values[value]!);
    for (const [at, { id, kind }] of lines.entries()) {
      const [a, b] = operands[at]!.map(used);
      const site = `${kind}${id}`;
      const weights = createRng(seed).fork(site);
      const unary: Record<Exclude<Line["kind"], "add">, () => Tensor> = {
        conv: () => {
          const weight = this.#parameter(
            site,
            [channels, channels, 3, 3],
            () => 0.6 * (weights.uniform() - 0.5),
          );
          return conv2d(a!, weight, null, { padding: 1 }, site);
        },
        norm: () => batchNorm2d(a!, this.norm(id), site),
        relu: () => relu(a!, site),
        silu: () => silu(a!, site),
        depth: () => stochasticDepth(a!, 0.3, 7, site),
        dropout: () => dropout(a!, 0.3, 7, site),
      };
      const y = kind === "add" ? add(a!, b!, site) : unary[kind]();
      if (left[at + 1] === 0 && at + 1 < lines.length) y.dispose();
      values.push(y);
    }
    const labels = Tensor.from(this.#engine, new Float32Array(images).fill(1), [images]);
    return crossEntropy(flatten(values.at(-1)!), labels);
  }

  /** The gradients, which are taken. */
  gradients(): Map<string, Float32Array> {
    const found = new Map<string, Float32Array>();
    for (const [name, parameter] of this.parameters) {
      if (parameter.gradient === null) continue;
      found.set(name, parameter.gradient.data.slice());
      parameter.gradient.dispose();
      parameter.gradient = null;
    }
    return found;
  }
}

export interface Run {
  lines: readonly Line[];
  images: number;
  /** Normalisations with a scale so small that their output does not determine their input. */
  flat?: readonly number[];
}

/** Steps one after the other under one store, and the bytes saved in each. */
export function steps(store: Store, runs: readonly Run[]) {
  const engine = createEngine({ memory: "8MiB", store });
  const network = new Network(engine);
  return runs.map(({ lines, images, flat = [] }, i) => {
    const once = new Set(lines.map(({ id, kind }) => `${kind}${id}`)).size === lines.length;
    if (store instanceof Keeping) store.begin(once && i < 2);
    for (const { id } of lines) network.norm(id).weight.value.data[0] = flat.includes(id) ? 1e-3 : 1;
    const loss = network.loss(lines, images);
    const saved = engine.device.ledger.live.saved;
    keepsPromises(engine);
    backward(loss);
    const gradients = network.gradients();
    assertNothingLeaks(engine);
    return { gradients, saved };
  });
}

/** Between the forward and the backward pass. */
export function keepsPromises({ store, tape }: Engine): void {
  const { trace, tensors } = store.chains.pass;
  for (const { handles } of tape) {
    for (const { site, saved } of handles.values()) {
      if (saved instanceof SavedTensor) reaches(saved, site.name, 1);
    }
  }
  for (const { name, gated } of tensors) {
    if (!gated) continue;
    const readers = trace.filter(({ inputs }) => inputs.includes(name)).map(({ op }) => op.name);
    assert.deepEqual(
      readers,
      ["relu"],
      `${name}: values below zero may be further off, for only a relu reads it`,
    );
  }
}

/** Each kept tensor that a request comes down to knows of it, and of the part of the bound that is its own. */
export function reaches({ name, recipe, requests }: SavedTensor, site: string, share: number): void {
  // Where a segment is computed again, a support follows from the values, which have requests of their own.
  const { need } = requests.find((request) => request.site.name === site) ?? {};
  if (recipe?.packed && need === "support") return;
  if (recipe) {
    const part = recipe.sum ? share / Math.sqrt(recipe.sources.length) : share;
    for (const source of recipe.sources) reaches(source, site, part);
  } else {
    const known = requests.some((request) => request.site.name === site && request.share <= share);
    assert.ok(known, `${name} is packed without the request of ${site}`);
  }
}

export function close(
  found: Map<string, Float32Array>,
  exact: Map<string, Float32Array>,
  tolerance: number,
): void {
  assert.deepEqual([...found.keys()], [...exact.keys()]);
  const largest = Math.max(...[...exact.values()].flatMap((values) => [...values].map(Math.abs)));
  for (const [name, values] of exact) {
    values.forEach((value, i) => {
      const error = Math.abs(value - found.get(name)![i]!);
      assert.ok(error <= tolerance * largest, `${name}[${i}]: ${found.get(name)![i]}, plainly ${value}`);
    });
  }
}

export const kindsOf = (...names: Line["kind"][]): Line[] =>
  names.map((kind, id) => ({ id, kind, from: 0, other: 1 }));

/** All steps but the last two, in segments that begin at these steps. */
export const segmentsFrom =
  (...starts: readonly number[]): ChooseSegments =>
  (steps) => {
    const entry = (at: number) => steps[at]!.inputs[0]!;
    const ends = [...starts.slice(1), steps.length - 2];
    const segments = starts.map((start, i) => ({
      entry: entry(start),
      steps: steps.slice(start, ends[i]).map(({ name }) => name),
    }));
    return { segments, pinned: new Set([...starts, ends.at(-1)!].map(entry)), share: 0.5 };
  };
