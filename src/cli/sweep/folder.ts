/** The folder of a sweep: OUT/NAME with plan.json, runs/, logs/ and, on a cluster, the numbers of its jobs. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../../error.js";
import { writeAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import * as is from "../../files/shape.js";

export interface SweepFolder {
  /** Absolute, since tasks run elsewhere. */
  path: string;
  plan: string;
  runs: string;
  logs: string;
}

export function folderOf(out: string, name: string): SweepFolder {
  const path = resolve(out, name);
  return { path, plan: join(path, "plan.json"), runs: join(path, "runs"), logs: join(path, "logs") };
}

export function makeSweepFolder(folder: SweepFolder): void {
  for (const path of [folder.path, folder.runs, folder.logs]) makeFolder(path);
}

/** Throws a UsageError if the sweep has not begun. */
export function checkBegun({ plan }: SweepFolder, file: string): void {
  if (existsSync(plan)) return;
  throw new UsageError({
    where: plan,
    expected: "a sweep that has begun",
    got: "none",
    remedy: `begin it with comet sweep ${file}, or name its --out`,
  });
}

const jobsFile = ({ path }: SweepFolder) => join(path, "jobs.json");

/** The numbers of the jobs that were submitted for a sweep, in order; none for a local one. */
export function jobsOf(folder: SweepFolder): string[] {
  const file = jobsFile(folder);
  if (!existsSync(file)) return [];
  const remedy = "write the numbers of its jobs into it as a list of texts, or remove it";
  return is.check(is.parseJson(readFileSync(file, "utf8"), file, remedy), is.list(is.text), file, remedy);
}

export const addJob = (folder: SweepFolder, job: string): void =>
  writeAtomically(jobsFile(folder), `${JSON.stringify([...jobsOf(folder), job])}\n`);

/** After a change of the plan, the tasks of earlier jobs have other numbers than the runs. */
export const forgetJobs = (folder: SweepFolder): void => rmSync(jobsFile(folder), { force: true });
