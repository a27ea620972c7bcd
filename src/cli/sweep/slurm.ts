/** The calls of Slurm’s own commands. */
import { spawnSync } from "node:child_process";
import { UsageError } from "../../error.js";

/** The outcome of a command of Slurm; throws a UsageError where there is no such command. */
function ask(
  command: string,
  args: readonly string[],
  { input = "", remedy = "run this where Slurm is installed, or take --on local" } = {},
): { code: number; out: string; problem: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", input });
  const reason = (error as NodeJS.ErrnoException | undefined)?.code;
  // EPIPE alone says only that the command ended before it had read all of its input; its status tells the rest.
  if (error && !(reason === "EPIPE" && status !== null)) {
    throw new UsageError({
      where: "Slurm",
      expected: `its command ${command}`,
      got: String(reason),
      remedy,
    });
  }
  return { code: status ?? 1, out: stdout.trim(), problem: stderr.trim().split("\n").at(-1) ?? "" };
}

function refused(command: string, problem: string): UsageError {
  return new UsageError({
    where: command,
    expected: "Slurm to accept it",
    got: problem || "an error without a reason",
    remedy: "look at the script with --dry-run, and at the cluster with sinfo",
  });
}

/** Submits a script. Returns the number of the job. */
export function submit(script: string): string {
  const { code, out, problem } = ask("sbatch", ["--parsable"], { input: script });
  if (code !== 0) throw refused("sbatch", problem);
  // A federation adds the name of the cluster.
  return out.split(";")[0]!;
}

export interface TaskState {
  state: string;
  reason: string;
}

/** The states of tasks that wait or run, by the index of the task. A job that has ended has none. */
export function queued(jobs: readonly string[]): Map<number, TaskState> {
  const states = new Map<number, TaskState>();
  if (jobs.length === 0) return states;
  const { code, out, problem } = ask("squeue", ["-h", "-r", "-o", "%K|%T|%r", "-j", jobs.join(",")], {
    remedy:
      "run this where Slurm is installed, or remove the file jobs.json of the sweep, or the folder slurm of the results, if its jobs have ended",
  });
  // Slurm forgets jobs that have ended, and takes their numbers for invalid.
  if (code !== 0 && /Invalid job id/i.test(problem)) {
    return jobs.length === 1 ? states : new Map(jobs.flatMap((job) => [...queued([job])]));
  }
  if (code !== 0) throw refused("squeue", problem);
  for (const line of out.split("\n").filter((line) => line !== "")) {
    const [index, state = "", reason = ""] = line.split("|");
    states.set(Number(index), { state, reason });
  }
  return states;
}

/**
 * How tasks ended, by the cluster’s accounting: state and exit code. Null where there is none; then only the folders of runs
 * and the logs tell.
 */
export function accounted(jobs: readonly string[]): Map<number, TaskState> | null {
  if (jobs.length === 0) return new Map();
  const { error, status, stdout } = spawnSync(
    "sacct",
    ["-X", "-n", "-P", "-o", "JobID,State,ExitCode", "-j", jobs.join(",")],
    { encoding: "utf8" },
  );
  if (error || status !== 0) return null;
  const states = new Map<number, TaskState>();
  for (const line of stdout.trim().split("\n")) {
    const [id = "", state = "", reason = ""] = line.split("|");
    const [, index] = /_(\d+)$/.exec(id) ?? [];
    if (index !== undefined) states.set(Number(index), { state, reason: `exit code ${reason}` });
  }
  return states;
}

/** Ends the tasks that wait or run. Each that runs writes a checkpoint first. Throws a UsageError if Slurm refuses. */
export function cancel(jobs: readonly string[]): void {
  for (const job of jobs) {
    // TERM for the batch script first, which passes it on; what is left is cancelled after the checkpoints.
    for (const args of [
      ["--state=PENDING", job],
      ["--signal=TERM", "--batch", job],
    ]) {
      const { code, problem } = ask("scancel", args);
      // A job that ended meanwhile needs no end.
      if (code !== 0 && !/Invalid job id|already completing or completed/i.test(problem))
        throw refused("scancel", problem);
    }
  }
}
