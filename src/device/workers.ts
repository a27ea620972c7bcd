/**
 * The team that runs kernels: the calling thread and its workers, all on the device's one memory.
 *
 * Workers sleep between calls and never keep the process alive. The calling thread does a share of its own; a call
 * whose worker is not there (yet), or has not begun by then, it makes itself: the time changes, the results do not.
 */
import { platform } from "#platform";
import { CometError, UsageError } from "../error.js";
import type { Device } from "./device.js";
import { kernelNames, Mailbox, mailboxBytes } from "./mailbox.js";
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

interface Member {
  worker: ReturnType<typeof platform.startWorker>;
  mailbox: Mailbox;
}

export class Team {
  readonly #device: Device;
  readonly #members: Member[] = [];
  readonly #index: Map<string, number>;

  /** `threads`: how many are to share the work, the calling one included; where there is no shared memory, one does it. */
  constructor(device: Device, threads: number) {
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= mostThreads)) {
      throw new UsageError({
        where: "--threads",
        expected: `a whole number from 1 to ${mostThreads}`,
        got: String(threads),
        remedy: "give for example --threads 2",
      });
    }
    this.#device = device;
    this.#index = new Map(kernelNames(device.exports).map((name, i) => [name, i]));
    const size = sharing(threads);
    for (let i = 1; i < size; i++) this.#members.push(this.#hire());
  }

  /** How many threads share the work, the calling one included. */
  get size(): number {
    return this.#members.length + 1;
  }

  /** How many of them have started. */
  get ready(): number {
    return 1 + this.#members.filter(({ mailbox }) => mailbox.isReady).length;
  }

  /** One call on the calling thread. */
  call(kernel: string, args: readonly number[]): number {
    return (this.#device.exports[kernel] as Kernel)(...args);
  }

  /** At most one call a thread, at the same time; returns their results in order, or throws what one of them threw. */
  run(kernel: string, calls: readonly (readonly number[])[]): number[] {
    const posted = calls.map((args, i) => {
      const mailbox = i > 0 ? this.#members[i - 1]!.mailbox : undefined;
      if (!mailbox?.isReady) return null;
      mailbox.post(this.#index.get(kernel)!, args);
      return mailbox;
    });
    // All workers end before anything is thrown: they write to memory that the caller may free.
    const own = calls.map((args, i) => (posted[i] ? null : attempt(() => this.call(kernel, args))));
    const late = calls.map((args, i) =>
      posted[i]?.takeBack() ? attempt(() => this.call(kernel, args)) : null,
    );
    const ends = calls.map((_, i) => own[i] ?? late[i] ?? posted[i]!.collect());
    return ends.map((end) => {
      if ("result" in end) return end.result;
      throw new CometError({
        where: `kernel ${kernel}`,
        expected: "a result",
        got: end.error,
        remedy: "report it with the shapes; --threads 1 tells whether a worker is to blame",
      });
    });
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await Promise.all(this.#members.splice(0).map(({ worker }) => worker.terminate()));
  }

  #hire(): Member {
    const buffer = new SharedArrayBuffer(mailboxBytes);
    const mailbox = new Mailbox(buffer);
    mailbox.open();
    const { module, memory } = this.#device;
    const worker = platform.startWorker({ module, memory, mailbox: buffer }, (message) =>
      platform.warn(`a worker did not start (${message}); the calling thread does its share`),
    );
    return { worker, mailbox };
  }
}

function attempt(call: () => number): { result: number } | { error: string } {
  try {
    return { result: call() };
  } catch (error) {
    return { error: String(error) };
  }
}
