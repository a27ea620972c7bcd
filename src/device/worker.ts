/**
 * A worker thread: instantiates the kernels on the device's memory, then runs calls from the board for ever.
 */
import { platform } from "#platform";
import { Board, kernelNames } from "./board.js";
import { instantiate, type Kernel } from "./module.js";

platform.receiveSetup(({ module, memory, board: buffer, thread }) => {
  const exports = instantiate(module, memory);
  const kernels = kernelNames(exports).map((name) => exports[name] as Kernel);
  const board = new Board(buffer);
  for (let round = board.join(); ; ) round = board.serve(round, kernels, thread);
});
