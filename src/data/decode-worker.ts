/** A worker thread of loader.ts: it receives tasks and returns pixels. */
import { parentPort } from "node:worker_threads";
import { type Answer, loadHere, type Task } from "./loader.js";

parentPort!.on("message", async ({ id, task }: { id: number; task: Task }) => {
  const planes = await loadHere(task).catch(() => null);
  const answer: Answer = { id, planes };
  parentPort!.postMessage(answer, planes ? [planes.buffer as ArrayBuffer] : []);
});
