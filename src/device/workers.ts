/**
 * The threads that run kernels: the calling thread and its workers, all on the device's memory.
 *
 * Workers sleep when there is no work and never keep the process alive. All threads claim calls from one
 * board until none is left. If a worker is missing or late, other threads run its calls: the time changes,
 * the results do not.
 */
import { platform } from "#platform";
import { CometError, UsageError } from "../error.js";
import { Board, kernelNames, type Workspace } from "./board.js";
import type { Device } from "./device.js";
import type { Kernel } from "./kernel-module.js";

/** Kernels do not scale to more threads than this. */
export const mostThreads = 64;

/** Number of the machine's cores, limited to mostThreads. */
export const defaultThreads = Math.min(platform.cores, mostThreads);

/** The warning below concerns the machine and not one team, so each process prints it once. */
let warned = false;

/** The number of `threads` that can share memory here. If that is only one, warns why, once. */
function sharing(threads: number): number {
  if (threads === 1 || platform.unshared === null) return threads;
  if (!warned) platform.warn(`one thread in place of ${threads}: ${platform.unshared}`);
  warned = true;
  return 1;
}

/**
 * A kernel's work is cut into up to this many calls per thread, because smaller calls balance late threads
 * better.
 */
export const callsPerThread = 4;

export class Team {
  readonly #kernels: readonly Kernel[];
  readonly #index: ReadonlyMap<string, number>;
  /** Null if one thread does all the work; shared memory may then be missing. */
  readonly #board: Board | null;
  readonly #workers: ReturnType<typeof platform.startWorker>[] = [];

  /**
   * `threads` is the number that share the work, including the calling thread. Without shared memory, one
   * thread does all. `start` starts a worker.
   */
  constructor(device: Device, threads: number, start = platform.startWorker) {
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= mostThreads)) {
      throw new UsageError({
        where: "settings.threads",
        expected: `a whole number from 1 to ${mostThreads}`,
        got: String(threads),
        remedy: "give for example settings.threads 2",
      });
    }
    const names = kernelNames(device.exports);
    this.#kernels = names.map((name) => device.exports[name] as Kernel);
    this.#index = new Map(names.map((name, i) => [name, i]));
    const size = sharing(threads);
    this.#board = size > 1 ? Board.for(size * callsPerThread) : null;
    for (let thread = 1; thread < size; thread++) {
      this.#workers.push(startWorker(device, this.#board!, thread, start));
    }
  }

  /** Number of threads that share the work, including the calling thread. */
  get size(): number {
    return this.#workers.length + 1;
  }

  /** Number of these threads that have started. */
  get ready(): number {
    return Math.min(1 + (this.#board?.ready ?? 0), this.size);
  }

  /** Runs one call on the calling thread. */
  call(kernel: string, args: readonly number[]): number {
    return this.#kernels[this.#index.get(kernel)!]!(...args);
  }

  /**
   * Runs calls, at most `callsPerThread` per thread, and returns their results in order. If one throws, its
   * error is thrown only after all calls have ended, because they write to memory that the caller may free.
   * A worker whose thread ends during a call is such an error.
   */
  run(kernel: string, calls: readonly (readonly number[])[], workspace: Workspace | null = null): number[] {
    // A single call runs here, without waking the workers.
    if (calls.length <= 1 || this.#board === null)
      return calls.map((args) => this.#alone(kernel, args, workspace));
    this.#board.post(this.#index.get(kernel)!, calls, workspace);
    this.#board.help(this.#kernels, 0);
    const ends = this.#board.collect(this.#workers.map((worker) => () => worker.isAlive()));
    if (typeof ends === "string") throw ended(kernel, ends);
    return ends;
  }

  #alone(kernel: string, args: readonly number[], workspace: Workspace | null): number {
    try {
      return this.call(kernel, workspace ? [...args, workspace.address] : args);
    } catch (error) {
      throw ended(kernel, String(error));
    }
  }

  /** Ends the worker threads. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
  }
}

function startWorker(
  { module, memory }: Device,
  board: Board,
  thread: number,
  start: typeof platform.startWorker,
): ReturnType<typeof platform.startWorker> {
  return start({ module, memory, board: board.buffer, thread }, (message) =>
    platform.warn(`a worker did not start (${message}); other threads do its share`),
  );
}

function ended(kernel: string, error: string): CometError {
  return new CometError({
    where: `kernel ${kernel}`,
    expected: "a result",
    got: error,
    remedy: "report it with the shapes; settings.threads 1 shows whether a worker thread is the cause",
  });
}
