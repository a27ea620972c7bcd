/** `comet sweep`: a grid or a list of settings as runs, on this machine or as a job array of Slurm. */
import { existsSync } from "node:fs";
import Table from "cli-table3";
import type { Command } from "commander";
import { openDataset } from "../../data/open.js";
import { mostPixels } from "../../data/picture.js";
import { DataError, UsageError } from "../../error.js";
import { stepMs, stepsOf } from "../../experiments/courses.js";
import { type PlannedRun, planRun } from "../../experiments/planned-run.js";
import { foreignRun, type Standing } from "../../experiments/standing.js";
import { readSweep, runsOf, type Sweep } from "../../experiments/sweep.js";
import { codeOfThis } from "../../runs/code.js";
import { readRun } from "../../runs/run.js";
import { liveTable } from "../jobs/live.js";
import { type Plan, readPlan, writePlan } from "../jobs/plan-file.js";
import { jobOf, withOwnPlan } from "../jobs/planned-jobs.js";
import { roomOfThis, runPool } from "../jobs/pool.js";
import { choice, numeric, option, wholeNumber } from "../options.js";
import { collect, standingsOf } from "./collected.js";
import { type CostOptions, costTable } from "./cost.js";
import {
  addJob,
  checkBegun,
  folderOf,
  forgetJobs,
  jobsOf,
  makeSweepFolder,
  type SweepFolder,
} from "./folder.js";
import { addSlurmOptions, type SlurmFlags, scriptOf } from "./script.js";
import { accounted, cancel, queued, submit } from "./slurm.js";

interface Where {
  out: string;
}

interface RunOptions extends Where, SlurmFlags {
  on: "local" | "slurm";
  dryRun: boolean;
  jobs: number | undefined;
}

export function registerSweep(program: Command): void {
  const sweep = program
    .command("sweep")
    .summary("run a grid of settings here or on a Slurm cluster")
    .description(
      "Runs every combination of a file's settings. What is done is not run again, and what was interrupted goes on, so the\n" +
        "same command may be given again. See docs/sweeps.md.",
    );
  const placed = (command: Command) =>
    command.addOption(option("--out <folder>", "where sweeps are written", "--out sweeps", "sweeps"));
  const running = (command: Command) =>
    addSlurmOptions(
      placed(command)
        .addOption(choice("--on <where>", "this machine or Slurm", "--on slurm", ["local", "slurm"], "local"))
        .addOption(option("--dry-run", "print what would be run or submitted", "--on slurm --dry-run", false))
        .addOption(
          wholeNumber(
            "--jobs <n>",
            "local: processes at once (as many as cores and memory allow)",
            "--jobs 1",
            undefined,
          ),
        ),
    );
  running(sweep.command("run <file>", { isDefault: true }).description("run what is missing")).action(run);
  running(sweep.command("retry <file>").description("run again what failed or was lost")).action(
    (file: string, options: RunOptions) => run(file, options, true),
  );
  placed(sweep.command("status <file>").description("tell how each run stands")).action(status);
  placed(
    sweep.command("collect <file>").description("write results.json from the runs that have ended"),
  ).action(collected);
  placed(
    sweep.command("cancel <file>").description("end the Slurm jobs of a sweep, after checkpoints"),
  ).action(cancelled);
  placed(sweep.command("cost <file>").description("simulate the sweep on many nodes"))
    .addOption(
      numeric("--step-ms <ms>", "a step's time (that of the runs so far)", "--step-ms 350", undefined),
    )
    .addOption(option("--nodes <list>", "numbers of nodes", "--nodes 1,1000", "1,10,100,1000"))
    .addOption(wholeNumber("--per-node <n>", "tasks at once on a node", "--per-node 8", 1))
    .addOption(
      numeric("--start-seconds <s>", "from a task's start to its first step", "--start-seconds 60", 30),
    )
    .addOption(numeric("--limit-hours <h>", "time limit of a task; 0: none", "--limit-hours 24", 0))
    .action(cost);
}

const say = (text: string) => process.stderr.write(`comet: ${text}\n`);

/** The runs of a sweep's file. The data is opened once, for its hash and its size. Throws a DataError for equal runs. */
async function planned(sweep: Sweep): Promise<PlannedRun[]> {
  const { data: source, image = 224, probeEvery, auditEvery, checkpointEvery } = sweep;
  const data = { source, image, skipBad: false, maxPixels: mostPixels };
  const dataset = await openDataset(source, { size: image, skipBad: false, maxPixels: mostPixels });
  try {
    const runs = runsOf(sweep).map((each) =>
      planRun({ ...each, data, dataset, probeEvery, auditEvery, checkpointEvery }),
    );
    checkDistinct(sweep.name, runs);
    return runs;
  } finally {
    await dataset.close();
  }
}

/** Two tasks with one key would compute the same run at the same time. */
function checkDistinct(name: string, runs: readonly PlannedRun[]): void {
  const before = new Map<string, string>();
  for (const { key, label } of runs) {
    const twin = before.get(key);
    if (twin !== undefined) {
      throw new DataError({
        where: `sweep ${name}`,
        expected: "runs that differ in what they compute",
        got: `“${twin}” and “${label}”, which do not`,
        remedy: "leave settings that a store does not read out of its runs: list the runs in place of a grid",
      });
    }
    before.set(key, label);
  }
}

async function begun(
  file: string,
  { out }: Where,
): Promise<{ folder: SweepFolder; plan: Plan; sweep: Sweep }> {
  const sweep = readSweep(file);
  const folder = folderOf(out, sweep.name);
  checkBegun(folder, file);
  const plan = readPlan(folder.plan);
  const now = runsOf(sweep).map(({ label }) => label);
  if (now.length !== plan.runs.length || plan.runs.some(({ label }, i) => label !== now[i])) {
    say(`${file} has changed since this sweep was begun; comet sweep ${file} takes the change over`);
  }
  return { folder, plan, sweep };
}

/** Of runs that are not done, those to start. `again`: also those that failed. */
function open(standings: readonly Standing[], again: boolean, waiting: ReadonlySet<number>): number[] {
  const code = codeOfThis();
  return standings.flatMap((standing, i) => {
    if (standing.kind === "foreign") throw foreignRun(standing, code);
    const starts = standing.kind === "missing" || standing.kind === "interrupted";
    return (starts || (again && standing.kind === "failed")) && !waiting.has(i) ? [i] : [];
  });
}

async function run(file: string, options: RunOptions, retry: unknown = false): Promise<void> {
  const sweep = readSweep(file);
  const folder = folderOf(options.out, sweep.name);
  const runs = await planned(sweep);
  const plan = { version: 1, out: folder.runs, adopt: [], anyCode: false, runs } as const satisfies Plan;
  const changed = existsSync(folder.plan) && !holdsRuns(folder.plan, runs);
  // Tasks that wait or run must not be started a second time.
  const states = queued(jobsOf(folder));
  if (changed && states.size > 0) throw renumbered(file, folder, states.size);
  const standings = standingsOf(plan, codeOfThis());
  const indices = open(standings, retry === true, new Set(states.keys()));
  if (indices.length === 0) {
    const left = standings.filter(({ kind }) => kind !== "done");
    if (states.size > 0) say(`${states.size} tasks wait or run; nothing else is left`);
    else if (left.length === 0) say("every run is done");
    else {
      const busy = left.filter(({ kind }) => kind === "busy").length;
      say(`nothing to start: ${busy} runs are computed by other processes, and ${left.length - busy} failed`);
      process.exitCode = 1;
    }
    return;
  }
  const slurm = { ...options, name: sweep.name, plan: folder.plan, logs: folder.logs };
  if (options.dryRun) {
    const text = options.on === "slurm" ? scriptOf(runs, indices, slurm) : localText(runs, indices);
    process.stdout.write(text);
    return;
  }
  makeSweepFolder(folder);
  if (changed) forgetJobs(folder);
  writePlan(folder.plan, plan);
  if (options.on === "slurm") {
    const job = submit(scriptOf(runs, indices, slurm));
    addJob(folder, job);
    say(`submitted job ${job} with ${indices.length} tasks; comet sweep status ${file} tells how they stand`);
    return;
  }
  if (!(await computed(runs, indices, folder, options))) {
    say("interrupted; the same command goes on");
    process.exitCode = 130;
    return;
  }
  told(collect(plan, folder, codeOfThis()), folder);
}

/** Tasks of a job read the plan when they begin, each by the number of its run. */
function holdsRuns(plan: string, runs: readonly PlannedRun[]): boolean {
  try {
    return JSON.stringify(readPlan(plan).runs) === JSON.stringify(runs);
  } catch (cause) {
    if (cause instanceof DataError) return false;
    throw cause;
  }
}

const renumbered = (file: string, { path }: SweepFolder, tasks: number): UsageError =>
  new UsageError({
    where: file,
    expected: `the runs with which ${path} was begun, while ${tasks} of its tasks wait or run`,
    got: "other ones",
    remedy: `wait for them, end them with comet sweep cancel ${file}, or give the file another name inside`,
  });

const localText = (runs: readonly PlannedRun[], indices: readonly number[]): string =>
  indices.map((i) => `${i}: ${runs[i]!.label}, ${runs[i]!.steps} steps\n`).join("");

const computed = (
  runs: readonly PlannedRun[],
  indices: readonly number[],
  { runs: out }: SweepFolder,
  { jobs: processes }: RunOptions,
): Promise<boolean> =>
  withOwnPlan({ out, adopt: [], anyCode: false, runs: [...runs] }, async (plan) => {
    const jobs = indices.map((i) => jobOf(runs[i]!, runs[i]!.label, plan, i));
    const room = { ...roomOfThis(), processes };
    const table = liveTable(jobs, room);
    try {
      return await runPool(jobs, room, table);
    } finally {
      table.stop();
    }
  });

async function status(file: string, options: Where): Promise<void> {
  const { folder, plan } = await begun(file, options);
  const jobs = jobsOf(folder);
  const waiting = queued(jobs);
  const ended = accounted(jobs);
  const table = new Table({
    head: ["", "run", "stands", "steps", ...(jobs.length > 0 ? ["Slurm"] : [])],
    style: { head: [], border: [] },
  });
  for (const [i, standing] of standingsOf(plan, codeOfThis()).entries()) {
    const { label, steps } = plan.runs[i]!;
    const done = standing.kind === "missing" ? 0 : stepsSoFar(standing);
    const failed = standing.kind === "failed" ? `failed: ${standing.manifest.error}` : standing.kind;
    const state = waiting.get(i) ?? ended?.get(i);
    const row = [String(i), label, failed, `${done} of ${steps}`];
    table.push(jobs.length > 0 ? [...row, state ? `${state.state} (${state.reason})` : "–"] : row);
  }
  process.stdout.write(`${table}\n`);
  if (ended === null) {
    say(`this cluster keeps no accounting, so why a task ended is only in ${folder.logs}`);
  }
}

function stepsSoFar({
  path,
  manifest,
}: {
  path: string;
  manifest: { status: string; steps: number };
}): number {
  if (manifest.status === "done") return manifest.steps;
  return readRun(path).records.filter(({ kind }) => kind === "step").length;
}

async function collected(file: string, options: Where): Promise<void> {
  const { folder, plan } = await begun(file, options);
  told(collect(plan, folder, codeOfThis()), folder);
}

function told({ results, missing }: ReturnType<typeof collect>, { path }: SweepFolder): void {
  const table = new Table({
    head: ["run", "test accuracy", "conv-input ratio", "weights"],
    style: { head: [], border: [] },
  });
  for (const { label, testAccuracy, convRatio, weights } of results.runs) {
    table.push([
      label,
      testAccuracy === null ? "–" : `${(100 * testAccuracy).toFixed(2)} %`,
      convRatio === null ? "–" : `${convRatio.toFixed(2)}x`,
      weights?.slice(0, 16) ?? "–",
    ]);
  }
  process.stdout.write(`${table}\nresults ${path}/results.json\n`);
  if (missing.length === 0) return;
  say(`${missing.length} runs have not ended: ${missing.join("; ")}`);
  process.exitCode = 1;
}

async function cancelled(file: string, options: Where): Promise<void> {
  const { folder } = await begun(file, options);
  const jobs = jobsOf(folder);
  const before = queued(jobs).size;
  cancel(jobs);
  say(
    before > 0
      ? `told ${before} tasks to end; comet sweep ${file} goes on with them`
      : "no task waits or runs",
  );
}

async function cost(file: string, options: Where & CostOptions): Promise<void> {
  const sweep = readSweep(file);
  const runs = await planned(sweep);
  const { runs: out } = folderOf(options.out, sweep.name);
  const measured = new Map<string, number>();
  const plan: Plan = { version: 1, out, adopt: [], anyCode: true, runs };
  for (const [i, standing] of standingsOf(plan, codeOfThis()).entries()) {
    if (standing.kind === "missing") continue;
    const run = readRun(standing.path);
    if (stepsOf(run).length > 1) measured.set(runs[i]!.key, stepMs(run));
  }
  process.stdout.write(`${runs.length} runs\n${costTable(runs, measured, options)}\n`);
}
