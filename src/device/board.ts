/**
 * How threads share the calls of a kernel: a board in shared memory. The calling thread writes the calls on
 * it. Every thread, including the calling one, claims the next call as soon as it is free, so a slow or late
 * thread claims fewer.
 *
 *   word 0  round    incremented by the caller for each kernel; the workers sleep on it
 *        1  open     the unclaimed calls: from the low half up to, but without, the high half
 *        2  ended    number of calls that have ended; the caller sleeps on it
 *        3  calls    number of calls
 *        4  kernel   index in the sorted names of the module's functions
 *        5  count    number of arguments of a call
 *        6  failed   bytes of an error's text; 0 if every kernel returned, −1 while the text is being written
 *        7  ready    number of workers that have started
 *        8  asleep   number of threads that sleep or are about to
 *   64 …    address and bytes of the first thread's workspace, binary64; the workspaces of the others follow it
 *   128 …   a word for each thread: 1 while it claims and runs calls, else 0
 *   512 …   the calls, 32 numbers of binary64 each: the arguments, and the result in the last number
 *   then    the error's text, UTF-8
 *
 * A claim is one compare-and-exchange of `open`. The call itself is read after the claim, because it stays on
 * the board until all calls have ended. So a thread that arrives late from an old round claims a call of the
 * current one, or none.
 */
import { platform } from "#platform";
import type { Exports, Kernel } from "./kernel-module.js";

const [roundAt, openAt, endedAt, callsAt, kernelAt, countAt, failedAt, readyAt, asleepAt] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
];
const workspaceAt = 64;
const busyAt = 128;
const mostBusy = 64;
const listAt = 512;
const callNumbers = 32;
const resultAt = callNumbers - 1;
const textBytes = 512;

/**
 * Workspace for the threads of a call: `bytes` per thread, one after another. The kernel gets its address as
 * last argument.
 */
export interface Workspace {
  address: number;
  bytes: number;
}

/**
 * How long a thread polls for work before it sleeps, in milliseconds. Waking a thread takes longer than most
 * kernels, and kernels follow each other closely. The limit is short enough that an idle process uses no
 * processor time.
 */
const patience = 0.3;

/** The calling thread waits so long before it checks whether the workers are alive, in milliseconds. */
const lookAfter = 250;

export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #workspace: Float64Array;
  readonly #busy: Int32Array;
  readonly #list: Float64Array;
  readonly #text: Uint8Array;
  /** Argument arrays for kernel calls, one per length, which are reused. */
  readonly #args: number[][] = Array.from({ length: callNumbers + 1 }, (_, count) => Array(count).fill(0));

  /** One thread's view of a board. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    const textAt = buffer.byteLength - textBytes;
    this.#words = new Int32Array(buffer, 0, 9);
    this.#workspace = new Float64Array(buffer, workspaceAt, 2);
    this.#busy = new Int32Array(buffer, busyAt, mostBusy);
    this.#list = new Float64Array(buffer, listAt, (textAt - listAt) / 8);
    this.#text = new Uint8Array(buffer, textAt);
  }

  /** Makes a new board with room for `calls` calls. */
  static for(calls: number): Board {
    return new Board(new SharedArrayBuffer(listAt + calls * callNumbers * 8 + textBytes));
  }

  /** Number of workers that have started. */
  get ready(): number {
    return Atomics.load(this.#words, readyAt);
  }

  // ── the calling thread ──

  /** Writes the calls of a kernel, which all have the same number of arguments, and wakes the workers. */
  post(kernel: number, calls: readonly (readonly number[])[], workspace: Workspace | null): void {
    for (let i = 0; i < calls.length; i++) {
      const args = calls[i]!;
      for (let j = 0; j < args.length; j++) this.#list[i * callNumbers + j] = args[j]!;
    }
    this.#workspace[0] = workspace?.address ?? 0;
    this.#workspace[1] = workspace?.bytes ?? 0;
    this.#words[callsAt] = calls.length;
    this.#words[kernelAt] = kernel;
    this.#words[countAt] = calls[0]!.length;
    this.#words[failedAt] = 0;
    Atomics.store(this.#words, endedAt, 0);
    Atomics.store(this.#words, openAt, calls.length << 16);
    Atomics.add(this.#words, roundAt, 1);
    this.#wake(roundAt);
  }

  /**
   * Waits until all calls have ended. Returns their results in order, or the text of an error that one of
   * them threw, or which worker ended during a call. `alive` tells for each worker, from thread 1 on, whether
   * it is alive.
   */
  collect(alive: readonly (() => boolean)[] = []): number[] | string {
    const calls = this.#words[callsAt]!;
    for (let ended = Atomics.load(this.#words, endedAt); ended !== calls; ) {
      const now = this.#await(endedAt, ended, lookAfter);
      const lost = now === ended ? this.#lostThread(alive) : null;
      if (lost !== null) return `the end of thread ${lost} in the middle of a call`;
      ended = now;
    }
    const failed = this.#words[failedAt]!;
    if (failed !== 0) return new TextDecoder().decode(this.#text.slice(0, failed));
    const results: number[] = [];
    for (let i = 0; i < calls; i++) results.push(this.#list[i * callNumbers + resultAt]!);
    return results;
  }

  /**
   * Returns a worker that died during a call, once all others have ended their calls and write nothing more;
   * else null.
   */
  #lostThread(alive: readonly (() => boolean)[]): number | null {
    const open = Atomics.load(this.#words, openAt);
    if ((open & 0xffff) < open >>> 16) return null;
    let lost: number | null = null;
    for (let thread = 1; thread <= alive.length; thread++) {
      if (Atomics.load(this.#busy, thread) === 0) continue;
      if (alive[thread - 1]!()) return null;
      lost ??= thread;
    }
    return Atomics.load(this.#words, endedAt) === this.#words[callsAt] ? null : lost;
  }

  // ── a worker ──

  /** Announces that this worker has started. Returns the current round, after which it has to wait. */
  join(): number {
    const round = Atomics.load(this.#words, roundAt);
    Atomics.add(this.#words, readyAt, 1);
    return round;
  }

  /** Waits for the round after `last` and takes part in it. Returns the round's number. */
  serve(last: number, kernels: readonly Kernel[], thread: number): number {
    const round = this.#await(roundAt, last);
    this.help(kernels, thread);
    return round;
  }

  // ── any thread ──

  /** Runs calls as long as there are unclaimed ones. `thread` is 0 for the calling thread. */
  help(kernels: readonly Kernel[], thread: number): void {
    Atomics.store(this.#busy, thread, 1);
    for (let call = this.#claim(thread); call >= 0; call = this.#claim(thread))
      this.#make(call, kernels, thread);
    Atomics.store(this.#busy, thread, 0);
  }

  /**
   * Claims a call; −1 if none is left. The calling thread claims from the front and the workers from the
   * back, so that a thread mostly reads what it has written itself, which is still in its caches.
   */
  #claim(thread: number): number {
    for (;;) {
      const open = Atomics.load(this.#words, openAt);
      const [first, last] = [open & 0xffff, open >>> 16];
      if (first >= last) return -1;
      const left = thread === 0 ? open + 1 : open - 0x10000;
      if (Atomics.compareExchange(this.#words, openAt, open, left) === open) {
        return thread === 0 ? first : last - 1;
      }
    }
  }

  #make(call: number, kernels: readonly Kernel[], thread: number): void {
    const first = call * callNumbers;
    const count = this.#words[countAt]!;
    const bytes = this.#workspace[1]!;
    const args = this.#args[bytes > 0 ? count + 1 : count]!;
    for (let i = 0; i < count; i++) args[i] = this.#list[first + i]!;
    if (bytes > 0) args[count] = this.#workspace[0]! + bytes * thread;
    try {
      this.#list[first + resultAt] = kernels[this.#words[kernelAt]!]!(...args) ?? 0;
    } catch (error) {
      this.#fail(error);
    }
    const ended = Atomics.add(this.#words, endedAt, 1) + 1;
    if (ended === this.#words[callsAt]) this.#wake(endedAt);
  }

  /** Stores the text of an error, unless another call has failed before. */
  #fail(error: unknown): void {
    if (Atomics.compareExchange(this.#words, failedAt, 0, -1) !== 0) return;
    const text = new TextEncoder().encode(String(error).slice(0, 100));
    this.#text.set(text);
    Atomics.store(this.#words, failedAt, text.length);
  }

  /**
   * Waits until a word differs from `old` and returns its value; after `most` milliseconds it returns `old`.
   * Polls first, then sleeps if this thread may.
   */
  #await(word: number, old: number, most = Number.POSITIVE_INFINITY): number {
    let begun = -1;
    for (let i = 1; ; i++) {
      const value = Atomics.load(this.#words, word);
      if (value !== old) return value;
      if (i % 64 !== 0) continue;
      const now = performance.now();
      if (begun < 0) begun = now;
      if (now - begun > most) return old;
      if (now - begun < patience || !platform.maySleep) continue;
      // A thread that changes the word after this line sees a sleeper and wakes it; if it changed before, the
      // wait ends at once.
      Atomics.add(this.#words, asleepAt, 1);
      Atomics.wait(this.#words, word, old, most);
      Atomics.sub(this.#words, asleepAt, 1);
    }
  }

  /** Wakes the threads that sleep on a word. The system call is skipped if there are none. */
  #wake(word: number): void {
    if (Atomics.load(this.#words, asleepAt) > 0) Atomics.notify(this.#words, word);
  }
}

/** The names of the module's functions, in an order that is the same in all threads. */
export function kernelNames(exports: Exports): string[] {
  return Object.keys(exports)
    .filter((name) => typeof exports[name] === "function")
    .sort();
}
