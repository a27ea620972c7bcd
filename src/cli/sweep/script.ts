/** The batch script of an array: one task for each planned run. */
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { parseBytes } from "../../device/ledger.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { interruptedCode } from "../jobs/task.js";
import { numeric, option } from "../options.js";

/** What the user gives. */
export interface SlurmFlags {
  /** As Slurm takes it: minutes, or hours:minutes:seconds. Empty: the partition’s. */
  time: string;
  partition: string;
  account: string;
  /** The most tasks at a time; 0: no limit. */
  most: number;
  /** Seconds before the time limit at which a task is told to write its checkpoint. */
  warning: number;
}

export interface SlurmOptions extends SlurmFlags {
  name: string;
  /** Absolute paths. */
  plan: string;
  logs: string;
}

export const addSlurmOptions = (command: Command): Command =>
  command
    .addOption(option("--time <limit>", "Slurm: time limit of a task", "--time 24:00:00", ""))
    .addOption(option("--partition <name>", "Slurm: partition", "--partition long", ""))
    .addOption(option("--account <name>", "Slurm: account that is charged", "--account me", ""))
    .addOption(numeric("--most <n>", "Slurm: the most tasks at once; 0: no limit", "--most 100", 0))
    .addOption(
      numeric(
        "--warning <seconds>",
        "Slurm: how long before the limit a task writes its checkpoint",
        "--warning 300",
        120,
      ),
    );

/** What Node takes beside the device, with the data set. */
const processMiB = 400;

/** The memory of the largest run in MiB, and the threads of the one with most. */
export function requestOf(runs: readonly PlannedRun[]): { memoryMiB: number; threads: number } {
  const most = (of: (run: PlannedRun) => number) => runs.reduce((max, run) => Math.max(max, of(run)), 1);
  const memoryMiB =
    most(({ settings }) => Math.ceil((parseBytes(settings.memory) ?? 0) / 2 ** 20)) + processMiB;
  return { memoryMiB, threads: most(({ settings }) => settings.threads) };
}

/** `[0, 1, 2, 5]` → `0-2,5`. */
export function rangesOf(indices: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && index === last[1] + 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const main = fileURLToPath(new URL("../main.js", import.meta.url));

export function scriptOf(
  runs: readonly PlannedRun[],
  indices: readonly number[],
  options: SlurmOptions,
): string {
  const { name, plan, logs, time, partition, account, most, warning } = options;
  const { memoryMiB, threads } = requestOf(indices.map((i) => runs[i]!));
  const request = [
    `--job-name=comet-${name}`,
    `--array=${rangesOf(indices)}${most > 0 ? `%${most}` : ""}`,
    "--ntasks=1",
    `--cpus-per-task=${threads}`,
    `--mem=${memoryMiB}M`,
    time === "" ? "" : `--time=${time}`,
    partition === "" ? "" : `--partition=${partition}`,
    account === "" ? "" : `--account=${account}`,
    `--signal=B:USR1@${warning}`,
    "--requeue",
    "--open-mode=append",
    `--output=${logs}/%a.log`,
  ].filter((line) => line !== "");
  return `#!/bin/bash
${request.map((line) => `#SBATCH ${line}`).join("\n")}

# USR1 comes shortly before the time limit: the task writes its checkpoint, and asks for another turn. TERM comes before
# Slurm preempts, requeues or cancels it: the task writes its checkpoint, and Slurm decides what follows.
again=
trap 'again=yes; kill -TERM "$child"' USR1
trap 'kill -TERM "$child"' TERM
${quoted(process.execPath)} ${quoted(main)} task ${quoted(plan)} "$SLURM_ARRAY_TASK_ID" &
child=$!
# A trapped signal ends "wait" before the child has ended.
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
# A task that was told to end before it listened for signals is ended by TERM itself (128 + 15), and has lost nothing.
if [ -n "$again" ] && { [ "$code" -eq ${interruptedCode} ] || [ "$code" -eq 143 ]; }; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" && exit 0
  echo "comet: Slurm gave no other turn; the same command goes on from the checkpoint" >&2
fi
exit "$code"
`;
}
