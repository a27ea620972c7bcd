/** A worker: loads the kernels on the device's memory, then makes the calls that its mailbox brings, for ever. */
import { workerData } from "node:worker_threads";
import { kernelNames, Mailbox } from "./mailbox.js";
import { type Build, type Kernel, loadModule } from "./module.js";

export interface WorkerSetup {
  build: Build;
  memory: WebAssembly.Memory;
  mailbox: SharedArrayBuffer;
}

const { build, memory, mailbox } = workerData as WorkerSetup;
const exports = loadModule(build, memory);
const kernels = kernelNames(exports).map((name) => exports[name] as Kernel);
const box = new Mailbox(mailbox);
box.ready();
for (let turn = 0; ; ) turn = box.serve(turn, kernels);
