/**
 * What the engine asks of the place it runs in. `#platform` is platform/node.ts in Node and platform/browser.ts
 * elsewhere (package.json, "imports"); whatever else the engine consists of knows neither.
 */
import type { WorkerSetup } from "./worker.js";

export interface Platform {
  /** Threads that run at the same time. */
  readonly cores: number;
  /** Why threads cannot share a memory here; null where they can. */
  readonly unshared: string | null;
  /** Whether this thread may sleep until another wakes it; a page's own thread may not. */
  readonly maySleep: boolean;
  /** A file of this package; throws if there is none. */
  readFile(url: URL): Uint8Array<ArrayBuffer>;
  /** Has WebAssembly accept relaxed SIMD, where the engine knows it and keeps it behind a flag. */
  allowRelaxedSimd(): void;
  /** Starts worker.ts in a thread that does not keep the process alive. */
  startWorker(setup: WorkerSetup, onError: (message: string) => void): StartedWorker;
  /** In a worker: gives `serve` what startWorker was given. */
  receiveSetup(serve: (setup: WorkerSetup) => void): void;
  /** Lets events, timers and messages have their turn. */
  pause(): Promise<void>;
  warn(message: string): void;
  sha256(): Hash;
}

export interface StartedWorker {
  terminate(): Promise<unknown>;
  /** Whether its thread has not ended, as far as can be known; no event needs to have been handled since. */
  isAlive(): boolean;
}

export interface Hash {
  /** `bytes` may lie in shared memory. */
  update(bytes: Uint8Array | string): void;
  /** 64 hexadecimal digits. */
  digest(): string;
}
