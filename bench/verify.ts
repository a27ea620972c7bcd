/**
 * npm run verify: what takes too long for npm test. All 2^32 float32 through the codec for several bounds and every
 * quantiser, and millions of damaged frames. What is done is kept in --state FILE, so an interrupted run goes on.
 *
 *   npm run verify -- [--bounds 0.125,1e-3] [--quantizers support,paper] [--frames 10000000] [--state runs/verify.json]
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";
import { instantiate } from "../src/codec/module.js";
import { arena, stillWorks, survivesMutation, type Tally } from "../test/laws/hostile.js";
import { type Finding, nothing, Sweep } from "../test/laws/sweep.js";

const { values: options } = parseArgs({
  options: {
    bounds: { type: "string", default: "0.125,0.1,1e-3,1,0.7,9.5367431640625e-7,1e-10,1e30" },
    quantizers: { type: "string", default: "support,paper" },
    frames: { type: "string", default: "10000000" },
    seed: { type: "string", default: "20261123" },
    state: { type: "string", default: "runs/verify.json" },
  },
});

const patterns = 2 ** 32;
const portion = 2 ** 26;
const framePortion = 100_000;

interface State {
  /** Of each sweep, by quantiser and bound: where it goes on, and what it found. */
  sweeps: Record<string, { next: number; finding: Finding }>;
  hostile: { frames: number; accepted: number; rejected: Record<string, number> };
}

function load(): State {
  try {
    return JSON.parse(readFileSync(options.state, "utf8")) as State;
  } catch {
    return { sweeps: {}, hostile: { frames: 0, accepted: 0, rejected: {} } };
  }
}

function save(state: State): void {
  mkdirSync(dirname(options.state), { recursive: true });
  writeFileSync(`${options.state}.part`, JSON.stringify(state));
  renameSync(`${options.state}.part`, options.state);
}

const state = load();
const bar = new SingleBar(
  { format: "{bar} {percentage}% | {what} | ETA {eta_formatted}", etaBuffer: 50 },
  Presets.rect,
);
const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
const sweep = new Sweep(instantiate(memory), memory);
const jobs = options.quantizers
  .split(",")
  .flatMap((quantizer) => options.bounds.split(",").map((bound) => ({ quantizer, bound: Number(bound) })));
const frames = Number(options.frames);

const swept = () =>
  jobs.reduce((sum, { quantizer, bound }) => sum + (state.sweeps[`${quantizer} ${bound}`]?.next ?? 0), 0);
// A damaged frame costs about as much as 20,000 swept values.
const weight = 20_000;
bar.start(
  jobs.length * patterns + frames * weight,
  swept() + Math.min(frames, state.hostile.frames) * weight,
  { what: "" },
);

for (const { quantizer, bound } of jobs) {
  const what = `${quantizer} ${bound}`;
  state.sweeps[what] ??= { next: 0, finding: nothing() };
  const job = state.sweeps[what]!;
  const asked = { bound, quantizer: quantizer as "support" };
  while (job.next < patterns) {
    sweep.run(job.next, job.next + portion, asked, job.finding);
    job.next += portion;
    bar.update(swept() + Math.min(frames, state.hostile.frames) * weight, { what });
    save(state);
  }
}

const fresh = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
const decoder = arena(instantiate(fresh), fresh);
const tally: Tally = { ...state.hostile, rejected: new Map(Object.entries(state.hostile.rejected)) };
while (tally.frames < frames) {
  survivesMutation(decoder, framePortion, Number(options.seed) + tally.frames / framePortion, tally);
  stillWorks(decoder);
  state.hostile = { ...tally, rejected: Object.fromEntries(tally.rejected) };
  save(state);
  bar.update(swept() + tally.frames * weight, { what: "damaged frames" });
}
bar.stop();

const table = new Table({
  head: ["quantizer", "bound", "values", "kept raw", "worst ÷ bound", "out of bound", "signs lost"],
});
let failed = 0;
for (const { quantizer, bound } of jobs) {
  const { finding } = state.sweeps[`${quantizer} ${bound}`]!;
  failed += finding.violations.length + finding.signs;
  const signs = quantizer === "support" ? finding.signs : "–";
  table.push([
    quantizer,
    bound,
    finding.values,
    finding.raw,
    finding.worst.toFixed(7),
    finding.violations.length,
    signs,
  ]);
}
process.stdout.write(`${table}\n`);
process.stdout.write(
  `${tally.frames} damaged frames (seed ${options.seed}): ${tally.accepted} decoded to something, the others named ` +
    `${tally.rejected.size} fields; no byte outside the buffers.\n`,
);
process.stdout.write(
  failed === 0 ? "Verified: nothing out of bound.\n" : `FAILED: ${failed} values out of bound.\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
