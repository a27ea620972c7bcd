/**
 * `comet task PLAN INDEX`: computes one planned run, or what is left of it. It may be ended and started again at any
 * moment, so it serves a pool of processes on one machine as well as an array of tasks on a cluster.
 */
import { dirname, join } from "node:path";
import type { Command } from "commander";
import type { Dataset } from "../../data/dataset.js";
import { mostPixels } from "../../data/picture.js";
import { DataError, UsageError } from "../../error.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { findRuns, foreignRun, standingOf } from "../../experiments/standing.js";
import { makeFolder } from "../../files/folder.js";
import { takeLock } from "../../files/lock.js";
import { refusal } from "../../files/refusal.js";
import { codeOfThis } from "../../runs/code.js";
import { resumeTraining, runTraining } from "../training.js";
import { type Plan, readPlan } from "./plan-file.js";

/** The exit code of a task that was told to end, wrote a checkpoint and can go on. */
export const interruptedCode = 130;

export function registerTask(program: Command): void {
  program
    .command("task <plan> <index>", { hidden: true })
    .description("compute one run of a plan; comet reproduce and comet sweep start this")
    .action(async (path: string, typed: string) => {
      const plan = readPlan(path);
      const run = plan.runs[Number(typed)];
      if (!run) {
        throw new UsageError({
          where: `comet task ${path}`,
          expected: `an index from 0 to ${plan.runs.length - 1}`,
          got: typed,
          remedy: "plan again",
        });
      }
      endWithPool();
      const status = await computed(run, plan);
      if (status === "interrupted") process.exitCode = interruptedCode;
    });
}

/** When the pool that started this process has ended, the process writes its checkpoint and ends too. */
function endWithPool(): void {
  if (!process.connected) return;
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  // The listener alone must not keep the process from ending.
  process.channel?.unref();
}

/** Another process that was given the same run at the same time finds the lock, or the run folder. */
async function computed(run: PlannedRun, plan: Plan): Promise<string> {
  const locks = join(dirname(plan.out), ".locks");
  const unlock = lockOf(run, locks);
  try {
    return await computedHere(run, plan);
  } finally {
    unlock();
  }
}

function lockOf({ key, measured: { probeEvery, auditEvery } }: PlannedRun, folder: string): () => void {
  try {
    makeFolder(folder);
    return takeLock(join(folder, `${key}-${probeEvery}-${auditEvery}`));
  } catch (cause) {
    throw refusal(folder, cause);
  }
}

async function computedHere(run: PlannedRun, { out, adopt, anyCode }: Plan): Promise<string> {
  const code = codeOfThis();
  const standing = standingOf(run, findRuns([out, ...adopt]), code, anyCode);
  const { threads, memory } = run.settings;
  switch (standing.kind) {
    case "done":
      return "done";
    case "foreign":
      throw foreignRun(standing, code);
    case "busy":
      throw new UsageError({
        where: standing.path,
        expected: "no other process working on this run",
        got: "one that is",
        remedy: "wait until it has ended",
      });
    case "interrupted":
    case "failed": {
      const { source } = run.data;
      const say = (text: string) => process.stderr.write(`comet: ${text}\n`);
      return (await resumeTraining(standing.path, { threads, memory, data: source }, say)).status;
    }
    case "missing": {
      const { data, measured, checkpointEvery, settings } = run;
      const { source, image, skipBad, maxPixels = mostPixels } = data;
      const places = {
        ...{ data: source, image, skipBad, maxPixels, out, json: true, checkpoints: true, checkpointEvery },
        ...measured,
      };
      return (await runTraining(settings, places, (dataset) => checkPlanned(run, dataset))).status;
    }
  }
}

function checkPlanned({ hash, data }: PlannedRun, dataset: Dataset): void {
  if (dataset.hash === hash) return;
  throw new DataError({
    where: data.source,
    expected: `the data of the plan, SHA-256 ${hash.slice(0, 16)}…`,
    got: `${dataset.hash.slice(0, 16)}…`,
    remedy: "restore its files, or plan again",
  });
}
