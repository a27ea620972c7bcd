/**
 * How the calling thread gives a worker one kernel call and learns its end: shared words, no messages.
 *
 *   word 0  turn     the caller adds one for each call and wakes the worker, which sleeps on it
 *        1  done     the worker writes the turn it has finished and wakes the caller; −1 until it is ready
 *        2  kernel   index in the sorted names of the module's functions
 *        3  count    of arguments
 *        4  failed   bytes of the error's text, 0 if the kernel returned
 *        5  begun    the last turn that somebody has begun: the worker, or the caller when the worker is late
 *   64 …    arguments and then the result, binary64
 *   512 …   the error's text, UTF-8
 */
import { platform } from "#platform";
import type { Exports, Kernel } from "./module.js";

export const mailboxBytes = 1024;
const argumentsAt = 64;
const textAt = 512;
const mostArguments = 32;

/** Turns of a short wait before a thread goes to sleep: most kernels follow each other closely. */
const spins = 2000;

export class Mailbox {
  readonly words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #text: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, 6);
    this.#numbers = new Float64Array(buffer, argumentsAt, mostArguments + 1);
    this.#text = new Uint8Array(buffer, textAt);
  }

  // ── the caller's side ──

  /** Before the worker starts. */
  open(): void {
    Atomics.store(this.words, 1, -1);
  }

  get isReady(): boolean {
    return Atomics.load(this.words, 1) >= 0;
  }

  post(kernel: number, args: readonly number[]): void {
    this.#numbers.set(args);
    this.words[2] = kernel;
    this.words[3] = args.length;
    this.words[4] = 0;
    Atomics.add(this.words, 0, 1);
    Atomics.notify(this.words, 0);
  }

  /**
   * Takes the call back if the worker has not begun it: on a busy machine it may not be awake for a long time, and the
   * caller can make the call itself meanwhile.
   */
  takeBack(): boolean {
    return this.#begin(this.words[0]!);
  }

  /** Waits for the end of the call. The result, or the text of the error that ended it. */
  collect(): { result: number } | { error: string } {
    const turn = this.words[0]!;
    this.#await(1, (done) => done === turn);
    const failed = this.words[4]!;
    if (failed === 0) return { result: this.#numbers[mostArguments]! };
    return { error: new TextDecoder().decode(this.#text.slice(0, failed)) };
  }

  // ── the worker's side ──

  ready(): void {
    Atomics.store(this.words, 1, 0);
  }

  /** Waits for the call after turn `last`, makes it on `kernels` unless it was taken back, and says so. Returns its turn. */
  serve(last: number, kernels: readonly Kernel[]): number {
    const turn = this.#await(0, (value) => value !== last);
    if (!this.#begin(turn)) return turn;
    try {
      const args = this.#numbers.subarray(0, this.words[3]);
      this.#numbers[mostArguments] = kernels[this.words[2]!]!(...args) ?? 0;
    } catch (error) {
      const text = new TextEncoder().encode(String(error).slice(0, 100));
      this.#text.set(text);
      this.words[4] = text.length;
    }
    Atomics.store(this.words, 1, turn);
    Atomics.notify(this.words, 1);
    return turn;
  }

  /** True for the first who begins a turn. */
  #begin(turn: number): boolean {
    const before = (turn - 1) | 0;
    return Atomics.compareExchange(this.words, 5, before, turn) === before;
  }

  /** The value of a word once `arrived` accepts it: looks for a while, then sleeps if it may. */
  #await(word: number, arrived: (value: number) => boolean): number {
    for (let i = 0; ; i++) {
      const value = Atomics.load(this.words, word);
      if (arrived(value)) return value;
      if (i >= spins && platform.maySleep) Atomics.wait(this.words, word, value);
    }
  }
}

/** The module's functions by name, in the order that both sides count them. */
export function kernelNames(exports: Exports): string[] {
  return Object.keys(exports)
    .filter((name) => typeof exports[name] === "function")
    .sort();
}
