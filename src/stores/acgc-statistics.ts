/**
 * What AC-GC knows of the gradients, and the error variance that it allows. With e = 2^−acgcEps, the part of a gradient's
 * own energy by which its noise may add to it, the error of a value x may be dx with
 *
 *   input of convolutions i            dx² = e·Σ_i‖∇w_i‖² / (2·N·C·H·W·Σ_i R_i·S_i/stride_i²·‖δ_i‖²)
 *   input of batch normalisation, k    dx² = e·‖∇x‖²·N·H·W / (C·γ_k²·s_k⁴·(∇γ_k² + s_k²·n_k²·max δ_k²·(max|x_k|/2)²))
 *
 * where s is 1/√(v + ε) and n_k the number of values of δ in channel k that are not 0. The second is at least 2^−16. The
 * statistics are collected every 100 steps from the backward pass under compression, and the last ten are averaged;
 * before the first step, one pass without compression gives the first.
 */
import type { Application, BackwardObserver, Visit } from "../engine/application.js";
import type { StoreController, Trial } from "../engine/controller.js";
import type { SaveRequest } from "../engine/packed.js";
import { engineOf } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { Conv2dShape } from "../kernels/kernels.js";
import type { BatchNormState } from "../ops/norm.js";
import { channelsOf } from "./level-frame.js";

/** Numbers by name: of the whole site one each, or one for each channel. */
type Statistics = Record<string, number[]>;

/** The number of collections that are averaged. */
const remembered = 10;
const leastEnergy = 1e-16;

export class AcgcController implements StoreController {
  readonly #tolerance: number;
  readonly #every: number;
  #collecting = false;
  /** By site, the last collections. */
  readonly #history = new Map<string, Statistics[]>();
  readonly observer: BackwardObserver = {
    visit: (application, dy) => this.#visit(application, dy),
    end() {},
  };

  constructor(epsilonBits: number, every: number) {
    // 2^−bits without a power whose bits an engine may choose.
    let tolerance = 1;
    for (let i = 0; i < Math.abs(epsilonBits); i++) tolerance *= epsilonBits > 0 ? 0.5 : 2;
    this.#tolerance = tolerance;
    this.#every = every;
  }

  prepare(trial: Trial): null {
    if (this.#history.size > 0) return null;
    this.#collecting = true;
    trial.backPropagate(trial.images);
    this.#collecting = false;
    return null;
  }

  begin(step: number): void {
    this.#collecting = step % this.#every === 0;
  }

  #visit(application: Application, dy: Tensor): Visit | null {
    if (!this.#collecting) return null;
    const { op, handles, attributes } = application;
    const site = handles.get("x")?.site.name;
    if (site === undefined) return null;
    if (op.name === "conv2d") return this.#convolution(site, attributes, dy);
    return op.name === "batchNorm2d" ? this.#normalisation(site, application, dy) : null;
  }

  #convolution(site: string, { weight, shape }: { weight: unknown; shape: Conv2dShape }, dy: Tensor): Visit {
    const { kernels } = dy.engine;
    const { R, S, stride } = shape;
    const sent = ((R * S) / stride / stride) * kernels.sumSquares(dy.data);
    return {
      parameter: (parameter, gradient) => {
        if (parameter !== weight) return;
        this.#remember(site, { sent: [sent], gradient: [kernels.sumSquares(gradient.data)] });
      },
      inputs() {},
    };
  }

  #normalisation(site: string, { handles, attributes }: Application, dy: Tensor): Visit {
    const { weight } = attributes as BatchNormState;
    const { store, kernels } = engineOf(dy);
    const { N, C, size } = channelsOf(dy.shape);
    const invStd = store.look(handles.get("invStd")!);
    const slope = Array.from(invStd.data, (s) => s * s);
    invStd.dispose();
    const [count, most] = [new Array<number>(C).fill(0), new Array<number>(C).fill(0)];
    const delta = dy.data;
    for (let plane = 0; plane < N * C; plane++) {
      const c = plane % C;
      const values = delta.subarray(plane * size, (plane + 1) * size);
      count[c]! += kernels.countNonZero(values);
      most[c] = Math.max(most[c]!, kernels.maxAbs(values));
    }
    const gain = Array.from(weight.value.data, (g) => g * g);
    const spread = count.map((n, c) => n * n * most[c]! * most[c]!);
    let scaled: number[] = [];
    return {
      parameter(parameter, gradient) {
        if (parameter === weight) scaled = Array.from(gradient.data, (g) => g * g);
      },
      inputs: ([dx]) => {
        if (dx) this.#remember(site, { slope, gain, spread, scaled, sent: [kernels.sumSquares(dx.data)] });
      },
    };
  }

  #remember(site: string, statistics: Statistics): void {
    const history = this.#history.get(site) ?? [];
    history.push(statistics);
    this.#history.set(site, history.slice(-remembered));
  }

  /** The mean of the last collections; null if there are none. */
  #mean(site: string): Statistics | null {
    const history = this.#history.get(site);
    if (!history) return null;
    const mean: Statistics = {};
    for (const name of Object.keys(history[0]!)) {
      mean[name] = history[0]![name]!.map(
        (_, c) => history.reduce((sum, each) => sum + each[name]![c]!, 0) / history.length,
      );
    }
    return mean;
  }

  /** dx² of each channel; null as long as nothing is known. `largest`: max|x| of each channel. */
  allowed(x: Tensor, requests: readonly SaveRequest[], largest: readonly number[]): number[] | null {
    const { N, C, size } = channelsOf(x.shape);
    const convolutions = requests
      .filter(({ site }) => site.op === "conv2d")
      .map(({ site }) => this.#mean(site.name));
    const norms = requests
      .filter(({ site }) => site.op === "batchNorm2d")
      .map(({ site }) => this.#mean(site.name));
    if ([...convolutions, ...norms].includes(null)) return null;
    const allowed = new Array<number>(C).fill(Number.POSITIVE_INFINITY);
    const sum = (name: string) => convolutions.reduce((total, each) => total + each![name]![0]!, 0);
    if (convolutions.length > 0) {
      const sent = Math.max(sum("sent"), leastEnergy);
      allowed.fill((this.#tolerance * Math.max(sum("gradient"), leastEnergy)) / (2 * N * C * size * sent));
    }
    for (const norm of norms) {
      const { slope, gain, spread, scaled, sent } = norm!;
      for (let c = 0; c < C; c++) {
        const change = slope![c]! * spread![c]! * (largest[c]! / 2) ** 2;
        const energy = C * gain![c]! * slope![c]! ** 2 * (scaled![c]! + change);
        const own = (this.#tolerance * sent![0]! * N * size) / energy;
        allowed[c] = Math.min(allowed[c]!, Math.max(own, 2 ** -16));
      }
    }
    return allowed;
  }

  state(): unknown {
    return [...this.#history].map(([site, collections]) => ({ site, collections }));
  }

  restore(state: unknown): void {
    this.#history.clear();
    for (const { site, collections } of state as { site: string; collections: Statistics[] }[]) {
      this.#history.set(site, collections);
    }
  }
}
