/**
 * `comet reproduce`: the paper's evaluation. Runs what is missing, goes on with what was interrupted, leaves out what is
 * done with equal settings and code, and writes for each experiment a result and a page with claim beside measurement.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import type { Command } from "commander";
import {
  choose,
  type Experiment,
  readExperiments,
  type Scale,
  scales,
} from "../../experiments/experiment.js";
import { distinctRuns, type PlannedRun } from "../../experiments/planned-run.js";
import { findRuns, foreignRun, standingOf } from "../../experiments/standing.js";
import { makeFolder } from "../../files/folder.js";
import { type Code, codeOfThis } from "../../runs/code.js";
import { liveTable } from "../jobs/live.js";
import { memoryOf } from "../jobs/memory.js";
import { writePlan } from "../jobs/plan-file.js";
import { type Job, roomOfThis, runPool } from "../jobs/pool.js";
import { choice, numeric, option } from "../options.js";
import { addSlurmOptions, type SlurmFlags } from "../sweep/script.js";
import { submitRuns } from "./array.js";
import { keepMeasurement, keptMeasurement } from "./measurements.js";
import { type PlannedExperiment, type PlannedMeasurement, planExperiments } from "./plan.js";

interface ReproduceOptions extends SlurmFlags {
  on: "local" | "slurm";
  dryRun: boolean;
  scale: Scale;
  data: string;
  out: string;
  experiments: string;
  adopt: string[];
  anyCode: boolean;
  retryFailed: boolean;
  /** False: only write what the runs so far say. */
  run: boolean;
  jobs: number | undefined;
  list: boolean;
}

const ownExperiments = fileURLToPath(new URL("../../../../bench/experiments", import.meta.url));

export function registerReproduce(program: Command): void {
  const command = program
    .command("reproduce [names...]")
    .summary("repeat the paper's evaluation, claim beside measurement")
    .description(
      "Runs experiments: what is missing is run, what was interrupted goes on, what is done stays. Each experiment gets\n" +
        "OUT/NAME.json, a page, and a folder of figures. See docs/reproduce.md.",
    )
    .addOption(choice("--scale <name>", "minutes, hours or a cluster", "--scale laptop", scales, "smoke"))
    .addOption(
      option(
        "--data <name|path>",
        "data of the named experiments, or of those that leave it open",
        "--data imagefolder:DIR",
        "",
      ),
    )
    .addOption(option("--out <folder>", "where results and runs are written", "--out results", "results"))
    .addOption(
      option("--experiments <folder>", "experiments of your own", "--experiments ./mine", ownExperiments),
    )
    .addOption(
      option(
        "--adopt <folders...>",
        "folders with runs that count if their settings are equal",
        "--adopt runs",
        [],
      ),
    )
    .addOption(
      option(
        "--any-code",
        "count runs of other code too, and say so on the page",
        "--adopt runs --any-code",
        false,
      ),
    )
    .addOption(option("--retry-failed", "run again what failed", "--retry-failed", false))
    .addOption(
      numeric("--jobs <n>", "processes at once (as many as cores and memory allow)", "--jobs 1", undefined),
    )
    .addOption(
      option("--no-run", "run nothing, and write the results of what has ended", "accuracy --no-run", true),
    )
    .addOption(option("--list", "say what is done and what is left, and run nothing", "--list", false))
    .addOption(choice("--on <where>", "this machine or Slurm", "--on slurm", ["local", "slurm"], "local"))
    .addOption(
      option("--dry-run", "Slurm: print the script in place of submitting it", "--on slurm --dry-run", false),
    );
  addSlurmOptions(command)
    .addHelpText("after", "\nExample:\n  comet reproduce accuracy --scale laptop")
    .action(async (names: string[], options: ReproduceOptions) => reproduce(names, options));
}

async function reproduce(names: readonly string[], options: ReproduceOptions): Promise<void> {
  const { scale, out, adopt, anyCode, retryFailed, list } = options;
  const experiments = choose(readExperiments(options.experiments), names);
  const code = codeOfThis();
  const data = options.data === "" ? null : options.data;
  const wanted = withData(experiments, { scale, data, named: names.length > 0 });
  const folders = [join(out, "runs"), ...adopt];
  const asked = { scale, data, named: names.length > 0, code: code.code, runs: folders[0]! };
  const planned = await planExperiments(wanted, asked);
  if (list) {
    process.stdout.write(`${listing(planned, folders, code, options)}\n`);
    return;
  }
  const runs = distinctRuns(planned.flatMap((each) => each.runs));
  const found = findRuns(folders);
  const open = runs.filter((run) => {
    const standing = standingOf(run, found, code, anyCode);
    if (standing.kind === "foreign") throw foreignRun(standing, code);
    if (standing.kind === "busy") say(`${standing.path} is computed by another process and left to it`);
    return (
      standing.kind === "missing" ||
      standing.kind === "interrupted" ||
      (standing.kind === "failed" && retryFailed)
    );
  });
  if (options.on === "slurm") {
    process.stdout.write(`${submitRuns(runs, new Set(open), options)}\n`);
    return;
  }
  makeFolder(folders[0]!);
  const measurements = new Map(planned.flatMap((each) => each.measurements.map((one) => [one.key, one])));
  const measuring = [...measurements.values()].filter((each) => keptMeasurement(out, each) === undefined);
  const whole = !options.run || (await computeAll(open, measuring, options));
  const after = findRuns(folders);
  const command = ["comet", ...process.argv.slice(2)].join(" ");
  // What draws figures takes a while to load, and no other command needs it.
  const { writeIndex, writeResult } = await import("./written.js");
  for (const each of planned) {
    const { result, page } = await writeResult(each, after, { out, anyCode, code, command });
    process.stdout.write(
      `${[result.name, ...result.notices, ...result.words, `page ${page}`].join("\n  ")}\n`,
    );
  }
  writeIndex(out);
  process.stdout.write(`all results ${join(out, "index.html")}\n`);
  if (!whole) {
    say("interrupted; the same command goes on");
    process.exitCode = 130;
  } else if (
    planned.some(({ runs }) => runs.some((run) => standingOf(run, after, code, anyCode).kind !== "done"))
  ) {
    process.exitCode = 1;
  }
}

const say = (text: string) => process.stderr.write(`comet: ${text}\n`);

/** Of all experiments, those whose data is known; of named ones, all: `planExperiments` complains. */
function withData(
  experiments: readonly Experiment[],
  { scale, data, named }: { scale: Scale; data: string | null; named: boolean },
): Experiment[] {
  if (named || data !== null) return [...experiments];
  const open = experiments.filter((each) => each.scales[scale].data === null);
  if (open.length > 0) say(`left out, since they need --data: ${open.map(({ name }) => name).join(", ")}`);
  return experiments.filter((each) => !open.includes(each));
}

async function computeAll(
  runs: readonly PlannedRun[],
  measuring: readonly PlannedMeasurement[],
  { jobs: most, out, adopt, anyCode }: ReproduceOptions,
): Promise<boolean> {
  if (runs.length + measuring.length === 0) return true;
  // The plan is not in OUT, since another command may work there at the same time.
  const folder = mkdtempSync(join(tmpdir(), "comet-plan-"));
  const plan = join(folder, "plan.json");
  writePlan(plan, { out: join(out, "runs"), adopt, anyCode, runs: [...runs] });
  const training = runs.map(
    (run, i): Job => ({
      title: `${run.label}, seed ${run.seed}`,
      args: ["task", plan, String(i)],
      threads: run.settings.threads,
      memoryBytes: memoryOf(run),
      alone: false,
      steps: run.steps,
    }),
  );
  const measured = new Map(
    measuring.map((each): [Job, PlannedMeasurement] => [
      {
        title: each.label,
        args: each.command,
        threads: 1,
        memoryBytes: 0,
        alone: true,
        steps: 1,
      },
      each,
    ]),
  );
  // The longest runs first, so that no long one is left at the end; measurements have the machine for themselves.
  const jobs = [...training.sort((a, b) => b.steps - a.steps), ...measured.keys()];
  const here = roomOfThis();
  const room = most === undefined ? here : { ...here, cores: most };
  const table = liveTable(jobs, room);
  try {
    return await runPool(jobs, room, {
      ...table,
      ended(job, end) {
        const measurement = measured.get(job);
        if (measurement && end.code === 0) keepMeasurement(out, measurement, end.output);
        table.ended?.(job, end);
      },
    });
  } finally {
    table.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function listing(
  planned: readonly PlannedExperiment[],
  folders: readonly string[],
  code: Code,
  { out, anyCode }: ReproduceOptions,
): string {
  const found = findRuns(folders);
  const table = new Table({
    head: ["experiment", "run", "seed", "steps", "stands"],
    style: { head: [], border: [] },
  });
  for (const { experiment, runs, measurements } of planned) {
    for (const run of runs) {
      const standing = standingOf(run, found, code, anyCode);
      const where = standing.kind === "missing" ? "missing" : `${standing.kind}, ${standing.path}`;
      table.push([experiment.name, run.label, String(run.seed), String(run.steps), where]);
    }
    for (const each of measurements) {
      const done = keptMeasurement(out, each) !== undefined;
      table.push([experiment.name, each.label, "–", "–", done ? "done" : "missing"]);
    }
  }
  return table.toString();
}
