/**
 * npm run verify: what takes too long for npm test. All 2^32 float32 through the codec for several bounds and
 * quantisers (`halves`: the rule of `paper` in half steps; `dithered` and `signed` on request), millions of damaged
 * frames, and a million cases of every law, on as many threads as the machine has cores. What is done is kept in --state
 * FILE, so an interrupted run goes on where it was; the table at the end signs it off.
 *
 *   npm run verify -- [--bounds 0.125,1e-3] [--quantizers support,paper] [--frames 10000000] [--cases 1000000]
 *                     [--only sweep,frames,law] [--threads N] [--seed 20261123] [--state runs/verify.json]
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";
import { type Found, framesPortion, type Job, lawPortion, merged, sweepPortion } from "./job.js";
import { codeOf, load, type Progress, save } from "./state.js";

const { values: options } = parseArgs({
  options: {
    bounds: { type: "string", default: "0.125,0.1,1e-3,1,0.7,9.5367431640625e-7,1e-10,1e30" },
    quantizers: { type: "string", default: "support,paper,halves" },
    frames: { type: "string", default: "10000000" },
    cases: { type: "string", default: "1000000" },
    only: { type: "string", default: "sweep,frames,law" },
    threads: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string", default: "20261123" },
    state: { type: "string", default: "runs/verify.json" },
  },
});

const list = (text: string): string[] => text.split(",").filter((part) => part !== "");

async function jobs(): Promise<Job[]> {
  const { longLaws } = await import("../laws/long.js");
  const all: Job[] = [
    ...list(options.quantizers).flatMap((quantizer) =>
      list(options.bounds).map(
        (bound): Job => ({
          kind: "sweep",
          name: `${quantizer} ${bound}`,
          quantizer: quantizer as "support",
          bound: Number(bound),
          portions: 2 ** 32 / sweepPortion,
        }),
      ),
    ),
    { kind: "frames", name: "damaged frames", portions: Math.ceil(Number(options.frames) / framesPortion) },
    ...[...longLaws()].map(
      ([name, { share }]): Job => ({
        kind: "law",
        name,
        portions: Math.ceil((share * Number(options.cases)) / lawPortion),
      }),
    ),
  ];
  return all.filter(({ kind }) => list(options.only).includes(kind));
}

const seed = Number(options.seed);
const todo = await jobs();
const state = load(options.state, todo);
const total = todo.reduce((sum, { portions }) => sum + portions, 0);
const finished = () => todo.reduce((sum, { name }) => sum + state[name]!.done.length, 0);

const bar = new SingleBar(
  { format: "{bar} {value} of {total} portions | {what} | ETA {eta_formatted}", etaBuffer: 100 },
  Presets.rect,
);
bar.start(total, finished(), { what: "" });

function* portions(): Generator<{ job: Job; portion: number }> {
  for (const job of todo) {
    const done = new Set(state[job.name]!.done);
    for (let portion = 0; portion < job.portions; portion++) if (!done.has(portion)) yield { job, portion };
  }
}

/** One thread: a portion after the other, until there are none. */
async function work(queue: Generator<{ job: Job; portion: number }>): Promise<void> {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: { seed } });
  try {
    for (const { job, portion } of queue) {
      const found = await new Promise<Found>((resolve, reject) => {
        worker.once("message", resolve).once("error", reject);
        worker.postMessage({ job, portion });
      });
      worker.removeAllListeners("error");
      const progress = state[job.name]!;
      progress.done.push(portion);
      progress.found = merged(progress.found, found);
      save(options.state, state);
      bar.update(finished(), { what: job.name });
    }
  } finally {
    await worker.terminate();
  }
}

const queue = portions();
await Promise.all(Array.from({ length: Math.max(1, Number(options.threads)) }, () => work(queue)));
bar.stop();

let failed = 0;
/** No lines between rows. */
const chars = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

function print(head: string[], kind: Job["kind"], row: (job: Job, progress: Progress) => unknown[]): void {
  const rows = todo.filter((job) => job.kind === kind);
  if (rows.length === 0) return;
  const table = new Table({ head: [...head, "code"], chars, style: { head: [], border: [] } });
  for (const job of rows) table.push([...row(job, state[job.name]!).map(String), codeOf(job)]);
  process.stdout.write(`${table}\n`);
}

print(
  ["quantizer and bound", "values", "kept raw", "worst ÷ bound", "out of bound", "signs lost"],
  "sweep",
  ({ name }, { found }) => {
    if (found.kind !== "sweep") return [];
    const { values, raw, worst, violations, signs } = found.finding;
    failed += violations.length + signs;
    return [
      name,
      values,
      raw,
      worst.toFixed(7),
      violations.length,
      /^(support|signed) /.test(name) ? signs : "–",
    ];
  },
);
// A frame that wrote a byte outside its buffers, or did not end, would have ended the run instead.
print(["damaged frames", "decoded to something", "refused, by fields"], "frames", (_, { found }) => {
  if (found.kind !== "frames") return [];
  const { frames, accepted, rejected } = found.finding;
  return [frames, accepted, `${frames - accepted}, ${Object.keys(rejected).length}`];
});
print(["law", "cases", "failures"], "law", ({ name }, { found }) => {
  if (found.kind !== "law") return [];
  failed += found.finding.failures.length;
  for (const failure of found.finding.failures) process.stderr.write(`${name}: ${failure}\n`);
  return [name, found.finding.cases, found.finding.failures.length];
});
process.stdout.write(
  `Seed ${seed}: portion p of NAME draws from deriveSeed(seed, "NAME/p"). Node ${process.version}, ${process.arch}. ` +
    `Code: the first 16 digits of the SHA-256 of what was run.\n` +
    (failed === 0 ? "Verified: nothing out of bound, no law broken.\n" : `FAILED: ${failed} findings.\n`),
);
process.exitCode = failed === 0 ? 0 : 1;
