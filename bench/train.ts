/**
 * `npm run bench -- train [--json] [--threads N] [--steps N] [--only MODEL] [--fused]`
 *
 * Measures whole training steps (forward, backward, SGD) on random images, by default with one and with two
 * threads: the time, its division among families of ops and kernels, and the peak memory. Each measurement
 * runs in its own process. Before that, the losses of two steps are compared with those of the reference
 * kernels, on smaller images. The gain from a second thread is printed for a step and for one large matrix
 * product, because two logical processors on one core share its arithmetic units and gain little in either.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { createEngine, type EngineOptions } from "../src/engine/engine.js";
import { backward, type Engine } from "../src/engine/tape.js";
import { Tensor } from "../src/engine/tensor.js";
import { median } from "../src/experiments/statistics.js";
import type { ChannelShape, Kernels } from "../src/kernels/kernels.js";
import type { SimdKernels } from "../src/kernels/simd.js";
import { createModel } from "../src/models/models.js";
import { build } from "../src/nn/index.js";
import { crossEntropy } from "../src/ops/loss.js";
import { createRng } from "../src/rng.js";
import { Sgd } from "../src/training/optim.js";

interface Workload {
  model: string;
  batch: number;
  channels: number;
  size: number;
  classes: number;
  /** Batch and image size for the comparison with the reference. */
  checked: { batch: number; size: number };
}

const workloads: Workload[] = [
  { model: "resnet20", batch: 32, channels: 3, size: 32, classes: 10, checked: { batch: 2, size: 32 } },
  { model: "lenet", batch: 64, channels: 1, size: 28, classes: 10, checked: { batch: 8, size: 28 } },
  { model: "alexnet", batch: 4, channels: 3, size: 224, classes: 1000, checked: { batch: 1, size: 64 } },
  { model: "resnet18", batch: 2, channels: 3, size: 224, classes: 1000, checked: { batch: 1, size: 48 } },
];

/** The family of each kernel. Everything else in a step is the rest. */
const familyOf: Readonly<Partial<Record<keyof Kernels, string>>> = {
  conv2dForward: "convolution",
  conv2dInputGradient: "convolution",
  conv2dWeightGradient: "convolution",
  gemm: "linear",
  channelMoments: "normalisation",
  inverseStd: "normalisation",
  scale: "normalisation",
  blend: "normalisation",
  batchNormForward: "normalisation",
  batchNormBackward: "normalisation",
  batchNormSums: "normalisation",
  batchNormGradient: "normalisation",
  relu: "activation",
  reluBackward: "activation",
  maxPool: "pooling",
  maxPoolBackward: "pooling",
  packBits: "pooling",
  unpackBits: "pooling",
  avgPool: "pooling",
  avgPoolBackward: "pooling",
  sgd: "optimiser",
};

/** A bias belongs to a convolution if a channel has several values. */
function familyOfCall(name: string, args: readonly unknown[]): string {
  if (name === "addBias" || name === "biasGradient") {
    return (args[2] as ChannelShape).size > 1 ? "convolution" : "linear";
  }
  return familyOf[name as keyof Kernels] ?? "rest";
}

interface Share {
  ms: number;
  /** The share of a step's time. */
  share: number;
}

interface Row {
  model: string;
  batch: number;
  threads: number;
  profile: string;
  firstMs: number;
  ms: number;
  least: number;
  wallMs: number;
  devicePeakBytes: number;
  residentAboveIdleBytes: number;
  families: ({ family: string } & Share)[];
  kernels: ({ kernel: string } & Share)[];
}

type Times = Map<string, number>;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const wallMs = (): number => performance.now();

function timeOf(call: () => unknown, clock: () => number): number {
  const start = clock();
  call();
  return clock() - start;
}

/** The same kernels, which also add up the milliseconds of each call by kernel and by family. */
function timed(kernels: Kernels, clock: () => number, ms: Times, families: Times): Kernels {
  const add = (times: Times, name: string, passed: number) =>
    times.set(name, (times.get(name) ?? 0) + passed);
  const wrap = (name: string, run: unknown): unknown =>
    typeof run !== "function"
      ? run
      : (...args: unknown[]): unknown => {
          let result: unknown;
          const passed = timeOf(() => {
            result = run(...args);
          }, clock);
          add(ms, name, passed);
          add(families, familyOfCall(name, args), passed);
          return result;
        };
  const entries = Object.entries(kernels).map(([name, run]) => [name, wrap(name, run)]);
  return Object.fromEntries(entries) as Kernels;
}

async function started(options: EngineOptions): Promise<Engine> {
  const engine = createEngine({ memory: "2GiB", ...options });
  if (engine.kernels.name === "simd") {
    while ((engine.kernels as SimdKernels).ready() < engine.kernels.threads)
      await new Promise((done) => setTimeout(done, 5));
  }
  return engine;
}

/** Builds the model and returns a function that makes one training step and returns its loss. */
function training(engine: Engine, { model: name, batch, channels, size, classes }: Workload): () => number {
  const model = createModel(name, build(engine, 1), { channels, height: size, width: size, classes });
  const options = { lr: 0.01, momentum: 0.9, weightDecay: 1e-4, nesterov: false };
  const optimizer = new Sgd(engine, model.allParameters(), options);
  model.train(true);
  const rng = createRng(1);
  const pixels = Float32Array.from({ length: batch * channels * size * size }, () => rng.uniform());
  const labels = Float32Array.from({ length: batch }, () => rng.integer(0, classes - 1));
  return () => {
    const images = Tensor.from(engine, pixels, [batch, channels, size, size], "images");
    const wanted = Tensor.from(engine, labels, [batch], "labels");
    const loss = crossEntropy(model.forward(images), wanted, { smoothing: 0 });
    const value = loss.data[0]!;
    backward(loss);
    optimizer.step(1);
    return value;
  };
}

async function check(workload: Workload, fused: boolean): Promise<void> {
  const small = { ...workload, ...workload.checked };
  const losses: number[][] = [];
  for (const options of [{ kernels: "reference" }, { build: fused ? "fused" : "release" }] as const) {
    const step = training(await started(options), small);
    losses.push([step(), step()]);
  }
  const [expected, actual] = losses as [number[], number[]];
  const far = expected.some((loss, i) => Math.abs(loss - actual[i]!) > (fused ? 1e-3 : 0));
  if (far) throw new Error(`${workload.model}: losses ${actual}, the reference's ${expected}`);
}

async function measure(workload: Workload, threads: number, steps: number, fused: boolean): Promise<Row> {
  const idle = process.memoryUsage().rss;
  // CPU time is disturbed less by other load. With several threads it would be their sum, so wall time is
  // used.
  const clock = threads === 1 ? cpuMs : wallMs;
  const [kernelMs, familyMs]: [Times, Times] = [new Map(), new Map()];
  const plain = await started({ threads, build: fused ? "fused" : "release" });
  const engine: Engine = { ...plain, kernels: timed(plain.kernels, clock, kernelMs, familyMs) };
  const step = training(engine, workload);
  const firstMs = timeOf(step, clock);
  step();
  kernelMs.clear();
  familyMs.clear();
  const walls: number[] = [];
  const times = Array.from({ length: steps }, () => timeOf(() => walls.push(timeOf(step, wallMs)), clock));
  const total = times.reduce((sum, ms) => sum + ms, 0);
  const timedMs = [...familyMs.values()].reduce((sum, ms) => sum + ms, 0);
  familyMs.set("rest", (familyMs.get("rest") ?? 0) + total - timedMs);
  const share = (ms: number): Share => ({ ms: ms / steps, share: ms / total });
  const byTime = (a: Share, b: Share) => b.ms - a.ms;
  await plain.close();
  return {
    model: workload.model,
    batch: workload.batch,
    threads,
    profile: engine.device.profile,
    firstMs,
    ms: median(times),
    least: Math.min(...times),
    wallMs: median(walls),
    devicePeakBytes: engine.device.ledger.peakTotal,
    residentAboveIdleBytes: process.resourceUsage().maxRSS * 1024 - idle,
    families: [...familyMs].map(([family, ms]) => ({ family, ...share(ms) })).sort(byTime),
    kernels: [...kernelMs].map(([kernel, ms]) => ({ kernel, ...share(ms) })).sort(byTime),
  };
}

/**
 * The speed of `threads` threads at multiplying two matrices of 1024², relative to one thread, measured in
 * turns.
 */
async function gainOfProducts(threads: number): Promise<number> {
  const n = 1024;
  const shape = { m: n, n, k: n, transposeA: false, transposeB: false };
  const products = [];
  for (const count of [1, threads]) {
    const { device, kernels } = await started({ memory: "64MiB", threads: count });
    const [c, a, b] = [1, 2, 3].map(() => device.f32(device.allocate(4 * n * n, "activations", "matrix")));
    products.push(() => kernels.gemm(c!, a!, b!, shape));
  }
  const [one, several] = products as [() => void, () => void];
  const gains = Array.from({ length: 7 }, () => timeOf(one, wallMs) / timeOf(several, wallMs));
  return median(gains);
}

function print(row: Row): void {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(
    `${row.model} batch ${row.batch}, ${row.threads} thread(s): ${row.ms.toFixed(1)} ms a step (least ${row.least.toFixed(1)}, first ${row.firstMs.toFixed(0)}), device peak ${mib(row.devicePeakBytes)}, resident above idle ${mib(row.residentAboveIdleBytes)}`,
  );
  const line = (name: string, { ms, share }: Share) =>
    console.log(
      `  ${name.padEnd(22)} ${ms.toFixed(2).padStart(8)} ms ${(100 * share).toFixed(1).padStart(5)} %`,
    );
  for (const each of row.families) line(each.family, each);
  for (const each of row.kernels.slice(0, 16)) line(`  ${each.kernel}`, each);
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      threads: { type: "string", default: "1,2" },
      steps: { type: "string", default: "7" },
      only: { type: "string", default: "" },
      fused: { type: "boolean", default: false },
      /** Prints one row as JSON; the child processes below are started with it. */
      row: { type: "string" },
    },
  });
  const counts = values.threads.split(",").map(Number);
  if (values.row !== undefined) {
    const workload = workloads.find(({ model }) => model === values.row)!;
    const row = await measure(workload, counts[0]!, Number(values.steps), values.fused);
    console.log(JSON.stringify(row));
    return;
  }
  const rows: Row[] = [];
  for (const workload of workloads.filter(({ model }) => model.includes(values.only))) {
    await check(workload, values.fused);
    for (const threads of counts) {
      const flags = ["train", "--row", workload.model, "--threads", String(threads), "--steps", values.steps];
      const command = [process.argv[1]!, ...flags, ...(values.fused ? ["--fused"] : [])];
      const row = JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" })) as Row;
      rows.push(row);
      if (!values.json) print(row);
    }
  }
  const gains = [];
  for (const row of rows.filter(({ threads }) => threads > 1)) {
    const one = rows.find(({ model, threads }) => model === row.model && threads === 1);
    if (!one) continue;
    const step = one.wallMs / row.wallMs;
    const products = await gainOfProducts(row.threads);
    gains.push({ model: row.model, threads: row.threads, step, products });
    if (values.json) continue;
    console.log(
      `${row.model}: ${row.threads} threads make a step ${step.toFixed(2)} × as fast as one, a matrix product ${products.toFixed(2)} ×`,
    );
  }
  if (values.json) console.log(JSON.stringify({ node: process.version, rows, gains }, null, 1));
  process.exit();
}
