/** The platform of Node. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { Worker, workerData } from "node:worker_threads";
import type { Platform, WorkerSetup } from "../platform.js";

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
    return worker;
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
