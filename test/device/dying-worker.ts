/** A worker as worker.ts makes one, whose thread ends in the middle of its first call of `deadly`. */
import { workerData } from "node:worker_threads";
import { Board, kernelNames } from "../../src/device/board.js";
import { instantiate, type Kernel } from "../../src/device/kernel-module.js";
import type { WorkerSetup } from "../../src/device/platform.js";

export const deadly = "fill";

const { module, memory, board: buffer, thread } = workerData as WorkerSetup;
const exports = instantiate(module, memory);
const kernels = kernelNames(exports).map((name) =>
  name === deadly ? () => process.exit(7) : (exports[name] as Kernel),
);
const board = new Board(buffer);
for (let round = board.join(); ; ) round = board.serve(round, kernels, thread);
