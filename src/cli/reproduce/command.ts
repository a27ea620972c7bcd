/**
 * `comet reproduce`: the paper's evaluation. Runs what is missing, goes on with what was interrupted, leaves out what is
 * done with equal settings and code, and writes for each experiment a result and a page with claim beside measurement.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import type { Command } from "commander";
import { UsageError } from "../../error.js";
import {
  choose,
  type Experiment,
  readExperiments,
  type Scale,
  scales,
} from "../../experiments/experiment.js";
import { distinctRuns, measuresEnough, type PlannedRun } from "../../experiments/planned-run.js";
import { checkFolders, findRuns, foreignRun, standingOf } from "../../experiments/standing.js";
import { makeFolder } from "../../files/folder.js";
import { refusal } from "../../files/refusal.js";
import { type Code, codeOfThis } from "../../runs/code.js";
import { choice, option, wholeNumber } from "../options.js";
import { addSlurmOptions, type SlurmFlags } from "../sweep/script.js";
import { queuedRuns, submitRuns } from "./array.js";
import { computeAll } from "./compute.js";
import { keepEvidence } from "./keep.js";
import { keptMeasurement } from "./measurements.js";
import { type PlannedExperiment, type PlannedMeasurement, planExperiments } from "./plan.js";
import { checkScale, lostRuns } from "./replaced.js";

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
  keepRuns: boolean;
  list: boolean;
  /** The archive of all results; "" for none. */
  bundle: string;
}

/** What is typed: the place of the results depends on the scale unless it is named. */
type GivenOptions = Omit<ReproduceOptions, "out"> & { out?: string };

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
        "data of the experiments that leave it open, or, if all named ones have data, in its place",
        "--data imagefolder:DIR",
        "",
      ),
    )
    .addOption(
      option(
        "--out <folder>",
        "where results and runs are written (results/SCALE)",
        "--out results",
        undefined,
      ),
    )
    .addOption(
      option("--experiments <folder>", "experiments of your own", "--experiments ./mine", ownExperiments),
    )
    .addOption(
      option(
        "--adopt <folders...>",
        "folders of runs or results whose runs count if their settings are equal",
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
      wholeNumber(
        "--jobs <n>",
        "processes at once (as many as cores and memory allow)",
        "--jobs 1",
        undefined,
      ),
    )
    .addOption(
      option("--no-run", "run nothing, and write the results of what has ended", "accuracy --no-run", true),
    )
    .addOption(
      option(
        "--keep-runs",
        "copy adopted runs, without weights and checkpoints, and measurements into OUT",
        "--adopt runs --keep-runs",
        false,
      ),
    )
    .addOption(
      option("--bundle <file>", "write all results into one archive too", "--bundle results.tar.gz", ""),
    )
    .addOption(option("--list", "say what is done and what is left, and run nothing", "--list", false))
    .addOption(choice("--on <where>", "this machine or Slurm", "--on slurm", ["local", "slurm"], "local"))
    .addOption(option("--dry-run", "print what would be run or submitted", "--on slurm --dry-run", false));
  addSlurmOptions(command)
    .addHelpText("after", "\nExample:\n  comet reproduce accuracy --scale laptop")
    .action(async (names: string[], options: GivenOptions) => reproduce(names, options));
}

async function reproduce(names: readonly string[], given: GivenOptions): Promise<void> {
  const { scale, out = join("results", scale), adopt, anyCode, retryFailed } = given;
  const options = { ...given, out };
  if (options.on === "slurm" && !options.run) throw contradiction("--no-run", "--on slurm");
  checkFolders(adopt);
  const experiments = choose(readExperiments(options.experiments), names);
  const code = codeOfThis();
  const data = options.data === "" ? null : options.data;
  const wanted = withData(experiments, { scale, data, named: names.length > 0 });
  const folders = [join(out, "runs"), ...adopt];
  // Data of the user's own is for those experiments that need it; where none does, it takes the place of the data of all.
  const every = names.length > 0 && wanted.every((each) => each.scales[scale].data !== null);
  const asked = { scale, data, every, runs: folders[0]! };
  const planned = await planExperiments(wanted, asked);
  if (options.list || (options.dryRun && options.on === "local")) {
    process.stdout.write(`${listing(planned, folders, code, options)}\n`);
    return;
  }
  checkScale(out, wanted, scale);
  const runs = distinctRuns(planned.flatMap((each) => each.runs));
  const found = findRuns(folders);
  const queue = queuedRuns(out, options.on === "slurm");
  const waits = (run: PlannedRun) => queue.some((each) => each.key === run.key && measuresEnough(run, each));
  const waiting = runs.filter(waits).length;
  if (waiting > 0) say(`${waiting} runs wait or run in Slurm’s queue and are left to it`);
  const open = runs.filter((run) => {
    const standing = standingOf(run, found, code, anyCode);
    if (standing.kind === "foreign") throw foreignRun(standing, code);
    if (standing.kind === "busy") say(`${standing.path} is computed by another process and left to it`);
    const starts = standing.kind === "missing" || standing.kind === "interrupted";
    return (starts || (standing.kind === "failed" && retryFailed)) && !waits(run);
  });
  if (options.on === "slurm") {
    process.stdout.write(`${submitRuns(runs, new Set(open), waiting, options)}\n`);
    return;
  }
  makePlace(folders[0]!);
  const kept = (each: PlannedMeasurement) => keptMeasurement([out, ...adopt], each, anyCode);
  const measurements = new Map(planned.flatMap((each) => each.measurements.map((one) => [one.key, one])));
  const measuring = [...measurements.values()].filter((each) => kept(each) === undefined);
  const { whole, problems } = options.run
    ? await computeAll(open, measuring, options, namesOf(planned))
    : { whole: true, problems: [] };
  if (options.keepRuns) {
    const count = await keepEvidence(planned, kept, findRuns(folders), { out, anyCode, code });
    say(`${count} runs were copied into ${folders[0]}`);
  }
  const after = findRuns(folders);
  const command = ["comet", ...process.argv.slice(2)].join(" ");
  // What draws figures takes a while to load, and no other command needs it.
  const { writeIndex, writeResult } = await import("./written.js");
  for (const each of planned) {
    const lost = lostRuns(out, each, after, anyCode, code);
    if (lost.length > 0) {
      const named = lost.map(({ label, seed }) => `${label}, seed ${seed}`).join("; ");
      say(
        `${join(out, each.experiment.name)}.json stays as it is, since a new one would lose its runs ${named}; name their folders with --adopt, run them to the end, or give another --out`,
      );
      continue;
    }
    const { result, page } = await writeResult(each, after, kept, { out, anyCode, code, command });
    process.stdout.write(
      `${[result.name, ...result.notices, ...result.words, `page ${page}`].join("\n  ")}\n`,
    );
  }
  writeIndex(out);
  process.stdout.write(`all results ${join(out, "index.html")}\n`);
  if (options.bundle !== "") {
    const { writeBundle } = await import("./bundle.js");
    const count = await writeBundle(options.bundle, out);
    process.stdout.write(`bundle ${options.bundle}, with ${count} runs\n`);
  }
  for (const problem of problems) say(problem);
  if (!whole) {
    say("interrupted; the same command goes on");
    process.exitCode = 130;
    return;
  }
  const unfinished = planned.some(
    (each) =>
      each.runs.some((run) => standingOf(run, after, code, anyCode).kind !== "done") ||
      each.measurements.some((one) => kept(one) === undefined),
  );
  if (unfinished) process.exitCode = 1;
}

const say = (text: string) => process.stderr.write(`comet: ${text}\n`);

function contradiction(one: string, other: string): UsageError {
  return new UsageError({
    where: one,
    expected: `it without ${other}`,
    got: "both",
    remedy: "leave one of them out",
  });
}

/** Makes the folder of the runs and, with it, that of the results. */
function makePlace(path: string): void {
  try {
    makeFolder(path);
  } catch (cause) {
    throw refusal(path, cause);
  }
}

/** The name of the first experiment that needs a run, by the run’s key. */
const namesOf = (planned: readonly PlannedExperiment[]): Map<string, string> =>
  new Map(
    planned
      .toReversed()
      .flatMap(({ experiment, runs, measurements }) =>
        [...runs, ...measurements].map(({ key }) => [key, experiment.name] as const),
      ),
  );

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

function listing(
  planned: readonly PlannedExperiment[],
  folders: readonly string[],
  code: Code,
  { out, adopt, anyCode }: ReproduceOptions,
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
      const done = keptMeasurement([out, ...adopt], each, anyCode) !== undefined;
      table.push([experiment.name, each.label, "–", "–", done ? "done" : "missing"]);
    }
  }
  return table.toString();
}
