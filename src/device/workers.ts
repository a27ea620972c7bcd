/**
 * The team that runs kernels: the calling thread and its workers, all on the device's one memory.
 *
 * Workers sleep when there is nothing to do and never keep the process alive. All threads claim calls from one board until
 * none is left, so one whose worker is not there (yet) is made by another: the time changes, the results do not.
 */
import { platform } from "#platform";
import { CometError, UsageError } from "../error.js";
import { Board, kernelNames, type Workspace } from "./board.js";
import type { Device } from "./device.js";
import type { Kernel } from "./module.js";

/** More than this many threads share no kernel well. */
export const mostThreads = 64;

/** The machine's cores. */
export const defaultThreads = Math.min(platform.cores, mostThreads);

let told = false;

/** As many of `threads` as can share a memory here. Where that is one, says why, once. */
function sharing(threads: number): number {
  if (threads === 1 || platform.unshared === null) return threads;
  if (!told) platform.warn(`one thread in place of ${threads}: ${platform.unshared}`);
  told = true;
  return 1;
}

/** A kernel's work is cut into up to so many calls a thread: finer cuts even out what threads are late by. */
export const callsPerThread = 4;

export class Team {
  readonly #kernels: readonly Kernel[];
  readonly #index: ReadonlyMap<string, number>;
  /** Null where one thread does all: there may be no shared memory then. */
  readonly #board: Board | null;
  readonly #workers: ReturnType<typeof platform.startWorker>[] = [];

  /**
   * `threads`: how many are to share the work, the calling one included; where there is no shared memory, one does it.
   * `start` starts a worker.
   */
  constructor(device: Device, threads: number, start = platform.startWorker) {
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= mostThreads)) {
      throw new UsageError({
        where: "--threads",
        expected: `a whole number from 1 to ${mostThreads}`,
        got: String(threads),
        remedy: "give for example --threads 2",
      });
    }
    const names = kernelNames(device.exports);
    this.#kernels = names.map((name) => device.exports[name] as Kernel);
    this.#index = new Map(names.map((name, i) => [name, i]));
    const size = sharing(threads);
    this.#board = size > 1 ? Board.for(size * callsPerThread) : null;
    for (let thread = 1; thread < size; thread++) {
      this.#workers.push(hire(device, this.#board!, thread, start));
    }
  }

  /** How many threads share the work, the calling one included. */
  get size(): number {
    return this.#workers.length + 1;
  }

  /** How many of them have started. */
  get ready(): number {
    return Math.min(1 + (this.#board?.ready ?? 0), this.size);
  }

  /** One call on the calling thread. */
  call(kernel: string, args: readonly number[]): number {
    return this.#kernels[this.#index.get(kernel)!]!(...args);
  }

  /**
   * Makes at most `callsPerThread` calls a thread; returns their results in order, or throws what one of them threw, after
   * all have ended: they write to memory that the caller may free. A thread that itself ends in a call is such an error.
   */
  run(kernel: string, calls: readonly (readonly number[])[], workspace: Workspace | null = null): number[] {
    // A single one is made here, without a word to the others.
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

  /** Ends the workers. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.terminate()));
  }
}

function hire(
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
    remedy: "report it with the shapes; --threads 1 tells whether a worker is to blame",
  });
}
