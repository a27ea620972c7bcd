/**
 * The functions that differ between Node and browsers. `#platform` resolves to platform/node.ts in Node and
 * to platform/browser.ts elsewhere (package.json, "imports"); no other file of the engine depends on either.
 */
/** What a worker thread is given. */
export interface WorkerSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  board: SharedArrayBuffer;
  /** Its number in the team, from 1. */
  thread: number;
}

export interface Platform {
  /** Number of threads that can run at the same time. */
  readonly cores: number;
  /** Why threads cannot share memory here; null if they can. */
  readonly unshared: string | null;
  /** True if this thread may block until another wakes it. A page's main thread may not. */
  readonly maySleep: boolean;
  /** Reads a file of this package; throws if it does not exist. */
  readFile(url: URL): Uint8Array<ArrayBuffer>;
  /** Makes WebAssembly accept relaxed SIMD, if the engine supports it behind a flag. */
  allowRelaxedSimd(): void;
  /** Starts worker.ts in a thread that does not keep the process alive. */
  startWorker(setup: WorkerSetup, onError: (message: string) => void): StartedWorker;
  /** In a worker: passes the argument of startWorker to `serve`. */
  receiveSetup(serve: (setup: WorkerSetup) => void): void;
  /** Lets pending events, timers and messages run. */
  pause(): Promise<void>;
  warn(message: string): void;
  sha256(): Hash;
}

export interface StartedWorker {
  terminate(): Promise<unknown>;
  /** False once its thread has ended. It can be called while this thread handles no events. */
  isAlive(): boolean;
}

export interface Hash {
  /** `bytes` may lie in shared memory. */
  update(bytes: Uint8Array | string): void;
  /** 64 hexadecimal digits. */
  digest(): string;
}
