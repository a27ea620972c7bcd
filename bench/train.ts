/**
 * `npm run bench -- train [--json] [--threads N] [--steps N] [--only MODEL] [--fused]`
 *
 * Whole training steps (forward, backward, SGD) on random images: time, what each kernel took of it, peak memory.
 */
import { parseArgs } from "node:util";
import { createEngine } from "../src/engine.js";
import type { Kernels } from "../src/kernels/kernels.js";
import type { SimdKernels } from "../src/kernels/simd.js";
import { createModel } from "../src/models/models.js";
import { build } from "../src/nn.js";
import { backward, type Engine } from "../src/op.js";
import { crossEntropy } from "../src/ops/loss.js";
import { Sgd } from "../src/optim.js";
import { createRng } from "../src/rng.js";
import { Tensor } from "../src/tensor.js";

interface Workload {
  model: string;
  batch: number;
  channels: number;
  size: number;
  classes: number;
}

const workloads: Workload[] = [
  { model: "resnet20", batch: 32, channels: 3, size: 32, classes: 10 },
  { model: "lenet", batch: 64, channels: 1, size: 28, classes: 10 },
  { model: "alexnet", batch: 4, channels: 3, size: 224, classes: 1000 },
];

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The same kernels, with the milliseconds of each added up under its name. */
function timed(kernels: Kernels, threads: number, ms: Map<string, number>): Kernels {
  const wrap = (name: string, run: unknown): unknown =>
    typeof run !== "function"
      ? run
      : (...args: unknown[]): unknown => {
          let result: unknown;
          const passed = timeOf(() => {
            result = run(...args);
          }, threads);
          ms.set(name, (ms.get(name) ?? 0) + passed);
          return result;
        };
  const entries = Object.entries(kernels).map(([name, run]) => [name, wrap(name, run)]);
  return Object.fromEntries(entries) as Kernels;
}

function run(
  { model: name, batch, channels, size, classes }: Workload,
  threads: number,
  steps: number,
  fused: boolean,
) {
  const idle = process.memoryUsage().rss;
  const kernelMs = new Map<string, number>();
  const plain = createEngine({ memory: "3GiB", threads, build: fused ? "fused" : "release" });
  const engine: Engine = { ...plain, kernels: timed(plain.kernels, threads, kernelMs) };
  const model = createModel(name, build(engine, 1), { channels, height: size, width: size, classes });
  const optimizer = new Sgd(engine, model.allParameters(), {
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 1e-4,
    nesterov: false,
  });
  model.train(true);
  const rng = createRng(1);
  const pixels = Float32Array.from({ length: batch * channels * size * size }, () => rng.uniform());
  const labels = Float32Array.from({ length: batch }, () => rng.integer(0, classes - 1));
  const step = (): number => {
    const images = Tensor.from(engine, pixels, [batch, channels, size, size], "images");
    const wanted = Tensor.from(engine, labels, [batch], "labels");
    const loss = crossEntropy(model.forward(images), wanted, { smoothing: 0 });
    const value = loss.data[0]!;
    backward(loss);
    optimizer.step(1);
    return value;
  };
  const firstMs = timeOf(step, threads);
  step();
  kernelMs.clear();
  const times = Array.from({ length: steps }, () => timeOf(step, threads));
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const shares = [...kernelMs].map(([kernel, ms]) => ({ kernel, ms: ms / steps, share: ms / total }));
  const close = (plain.kernels as SimdKernels).close();
  const row = {
    model: name,
    batch,
    threads,
    profile: engine.device.profile,
    firstMs,
    ms: median(times),
    least: Math.min(...times),
    devicePeakBytes: engine.device.ledger.peakTotal,
    residentAboveIdleBytes: process.resourceUsage().maxRSS * 1024 - idle,
    kernels: shares.sort((a, b) => b.ms - a.ms),
  };
  return { row, close };
}

/** CPU time, which a busy machine disturbs less; with workers that is their sum, so then wall time. */
function timeOf(step: () => unknown, threads: number): number {
  const clock = (): number => {
    const { user, system } = process.cpuUsage();
    return threads === 1 ? (user + system) / 1000 : performance.now();
  };
  const start = clock();
  step();
  return clock() - start;
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      threads: { type: "string", default: "1" },
      steps: { type: "string", default: "7" },
      only: { type: "string", default: "" },
      fused: { type: "boolean", default: false },
    },
  });
  const rows = [];
  for (const workload of workloads.filter(({ model }) => model.includes(values.only))) {
    const { row, close } = run(workload, Number(values.threads), Number(values.steps), values.fused);
    await close;
    rows.push(row);
    if (values.json) continue;
    const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    console.log(
      `${row.model} batch ${row.batch}, ${row.threads} thread(s): ${row.ms.toFixed(1)} ms a step (least ${row.least.toFixed(1)}, first ${row.firstMs.toFixed(0)}), device peak ${mib(row.devicePeakBytes)}, resident above idle ${mib(row.residentAboveIdleBytes)}`,
    );
    for (const { kernel, ms, share } of row.kernels.slice(0, 16)) {
      console.log(
        `  ${kernel.padEnd(22)} ${ms.toFixed(2).padStart(8)} ms ${(100 * share).toFixed(1).padStart(5)} %`,
      );
    }
  }
  if (values.json) console.log(JSON.stringify({ node: process.version, rows }, null, 1));
}
