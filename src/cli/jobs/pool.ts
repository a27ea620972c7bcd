/**
 * A pool of processes on this machine: as many at once as cores and memory allow. Ctrl-C and SIGTERM reach all of them;
 * each writes its checkpoint, and no further one is started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism, freemem } from "node:os";
import { fileURLToPath } from "node:url";
import { DiskError } from "../../error.js";

const main = fileURLToPath(new URL("../main.js", import.meta.url));

export interface Job {
  /** For the table: `accuracy: COMET, seed 1`. */
  title: string;
  /** The arguments of `comet`. */
  args: readonly string[];
  threads: number;
  /** The most memory that it takes, in bytes. */
  memoryBytes: number;
  /** Whether it measures time, so that nothing may run beside it. */
  alone: boolean;
  /** The number of steps, for the time left; 0 if unknown. */
  steps: number;
}

export interface JobEnd {
  /** Null if a signal ended it. */
  code: number | null;
  /** What it printed on stdout. */
  output: string;
  /** The last line of its stderr. */
  lastLine: string;
  seconds: number;
}

export interface PoolWatch {
  started?(job: Job): void;
  /** `done` steps of the job are done. */
  step?(job: Job, done: number): void;
  ended?(job: Job, end: JobEnd): void;
}

export interface Room {
  /** The most processes at once; undefined: as many as the rest allows. */
  processes?: number | undefined;
  /** For the threads of all processes together. */
  cores: number;
  memoryBytes: number;
}

/** What of this machine is free. */
export const roomOfThis = (): Room => ({ cores: availableParallelism(), memoryBytes: freemem() });

/** Whether a job fits beside others. One job alone always may run: it will say itself if memory is short. */
export function fits(job: Job, running: readonly Job[], room: Room): boolean {
  const { processes = Number.POSITIVE_INFINITY, cores, memoryBytes } = room;
  if (running.length === 0) return true;
  if (running.length >= processes) return false;
  if (job.alone || running.some(({ alone }) => alone)) return false;
  const all = [...running, job];
  const total = (key: "threads" | "memoryBytes") => all.reduce((sum, each) => sum + each[key], 0);
  return total("threads") <= cores && total("memoryBytes") <= memoryBytes;
}

/**
 * Runs all jobs. Returns false if it was told to end before all were started. Throws a DiskError if the disk is full: the
 * jobs that run are told to end first.
 */
export async function runPool(jobs: readonly Job[], room: Room, watch: PoolWatch = {}): Promise<boolean> {
  const waiting = [...jobs];
  const running = new Map<Job, ChildProcess>();
  let stopped = false;
  let full: DiskError | null = null;
  let wake = () => {};
  const stop = (signal: NodeJS.Signals) => {
    stopped = true;
    for (const child of running.values()) child.kill(signal);
    wake();
  };
  // The terminal sends Ctrl-C to the children as well; a second signal to one of them changes nothing.
  const onInterrupt = () => stop("SIGINT");
  const onTerminate = () => stop("SIGTERM");
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  const begin = (job: Job) => {
    const began = performance.now();
    const child = spawn(process.execPath, [main, ...job.args], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    running.set(job, child);
    watch.started?.(job);
    let [output, errors] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.on("message", (message) => watch.step?.(job, (message as { done: number }).done));
    child.once("close", (code) => {
      running.delete(job);
      const lastLine = errors.trim().split("\n").at(-1) ?? "";
      const seconds = (performance.now() - began) / 1000;
      watch.ended?.(job, { code, output, lastLine, seconds });
      if (/^comet: DiskError: /.test(lastLine) && !full) {
        full = new DiskError({
          where: job.title,
          expected: "space for what is written",
          got: "a full disk",
          remedy: "free space there and give the same command again: it goes on where each run stopped",
        });
        stop("SIGTERM");
      }
      wake();
    });
  };
  try {
    while ((waiting.length > 0 && !stopped) || running.size > 0) {
      while (!stopped && waiting.length > 0) {
        const next = waiting.findIndex((job) => fits(job, [...running.keys()], room));
        if (next < 0) break;
        begin(waiting.splice(next, 1)[0]!);
      }
      if (running.size > 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
  }
  if (full) throw full;
  return !stopped;
}
