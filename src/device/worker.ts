/** A worker: puts the kernels on the device's memory, then makes the calls that its mailbox brings, for ever. */
import { platform } from "#platform";
import { kernelNames, Mailbox } from "./mailbox.js";
import { instantiate, type Kernel } from "./module.js";

export interface WorkerSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  mailbox: SharedArrayBuffer;
}

platform.receiveSetup(({ module, memory, mailbox }) => {
  const exports = instantiate(module, memory);
  const kernels = kernelNames(exports).map((name) => exports[name] as Kernel);
  const box = new Mailbox(mailbox);
  box.ready();
  for (let turn = 0; ; ) turn = box.serve(turn, kernels);
});
