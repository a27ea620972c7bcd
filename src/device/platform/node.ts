/** The platform of Node. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { Worker, workerData } from "node:worker_threads";
import type { Platform, StartedWorker, WorkerSetup } from "../platform.js";

export const platform: Platform = {
  cores: availableParallelism(),
  unshared: null,
  maySleep: true,
  readFile: readFileSync,
  // Node 20 has this flag. It can be set until WebAssembly first uses the feature.
  allowRelaxedSimd: () => setFlagsFromString("--experimental-wasm-relaxed-simd"),
  startWorker(setup, onError) {
    const worker = new Worker(new URL("../worker.js", import.meta.url), { workerData: setup, execArgv: [] });
    worker.unref();
    worker.on("error", ({ message }) => onError(message));
    return started(worker);
  },
  receiveSetup: (serve) => serve(workerData as WorkerSetup),
  pause: setImmediate,
  warn: (message) => process.emitWarning(message),
  sha256() {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => hash.digest("hex"),
    };
  },
};

/** The members of a node:worker_threads Worker that are used here. */
interface Watched {
  once(event: "online" | "exit", listener: () => void): unknown;
  terminate(): Promise<unknown>;
  readonly performance: { eventLoopUtilization(): { idle: number; active: number } };
}

/**
 * A thread that waits for a worker handles no events, so it would get "exit" too late. The worker's clock can be read at
 * any time. After the thread has ended, the idle time is −1, or the active time is 0 if the clock was never read before.
 */
export function started(worker: Watched): StartedWorker {
  let state: "starting" | "online" | "ended" = "starting";
  worker.once("online", () => {
    state = "online";
  });
  worker.once("exit", () => {
    state = "ended";
  });
  return {
    terminate: () => worker.terminate(),
    isAlive() {
      if (state !== "online") return state === "starting";
      const { idle, active } = worker.performance.eventLoopUtilization();
      return idle >= 0 && active > 0;
    },
  };
}
