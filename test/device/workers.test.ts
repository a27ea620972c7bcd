/** The workers: same bits for any number of them, errors that reach the caller, no process kept alive. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { Board } from "../../src/device/board.js";
import { Device } from "../../src/device/device.js";
import { platform, started } from "../../src/device/platform/node.js";
import type { WorkerSetup } from "../../src/device/platform.js";
import { mostThreads, Team } from "../../src/device/workers.js";
import { CometError, UsageError } from "../../src/error.js";
import { simdKernels } from "../../src/kernels/simd.js";
import { defaults } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { agrees, laws, winogradConvolutions } from "../laws/kernels.js";
import { onDevice } from "../laws/subject.js";

async function untilReady(size: number, ready: () => number): Promise<void> {
  for (let i = 0; ready() < size && i < 1000; i++) await sleep(10);
  assert.equal(ready(), size);
}

for (const threads of [2, 3]) {
  test(`${threads} threads return the reference's bits, in every kernel`, async () => {
    const device = new Device({ memory: 64 << 20 });
    const kernels = simdKernels(device, { threads, leastWork: 1 });
    await untilReady(threads, kernels.ready);
    const subject = onDevice(device, kernels);
    for (const [name, calls] of Object.entries(laws)) {
      assert.doesNotThrow(() => agrees(subject, calls, { seed, numRuns: 25 }), name);
    }
    for (const [name, calls] of Object.entries(winogradConvolutions)) {
      assert.doesNotThrow(() => agrees(subject, calls, { seed, numRuns: 12 }), name);
    }
    await kernels.close();
  });
}

test("before its workers have started, a team does their share", () => {
  const device = new Device({ memory: 16 << 20 });
  const kernels = simdKernels(device, { threads: 4, leastWork: 1 });
  const x = device.f32(device.allocate(4000, "activations", "test")).fill(-1);
  kernels.relu(x, x);
  assert.ok(x.every((value) => value === 0));
  return kernels.close();
});

test("an error in a worker reaches the caller, and the worker lives on", async () => {
  const device = new Device({ memory: 1 << 20 });
  const team = new Team(device, 2);
  await untilReady(2, () => team.ready);
  const { address } = device.allocate(4096, "activations", "test");
  const good = [address, 1, 0, 4];
  const outside = [device.budget, 1, 0, 4];
  assert.throws(
    () => team.run("fill", [good, outside]),
    (error: unknown) => error instanceof CometError && /kernel fill.*out of bounds/.test(error.message),
  );
  assert.throws(() => team.run("fill", [outside, good]), /out of bounds/);
  const results = team.run("countNonZero", [
    [address, 0, 4],
    [address, 0, 3],
  ]);
  assert.deepEqual(results, [4, 3]);
  await team.close();
  assert.equal(team.size, 1);
});

test("a worker that ends in the middle of a kernel ends the call with an error that says which, and the others go on", async () => {
  const device = new Device({ memory: 64 << 20 });
  const start = (setup: WorkerSetup, onError: (message: string) => void) => {
    if (setup.thread !== 2) return platform.startWorker(setup, onError);
    const worker = new Worker(new URL("dying-worker.js", import.meta.url), { workerData: setup });
    worker.unref();
    return started(worker);
  };
  const team = new Team(device, 3, start);
  await untilReady(3, () => team.ready);
  const bytes = 4 << 20;
  const { address } = device.allocate(12 * bytes, "activations", "test");
  const calls = Array.from({ length: 12 }, (_, i) => [address + i * bytes, 1, 0, bytes / 4]);
  const run = () => team.run("fill", calls);
  // The worker that dies may come too late for the first calls.
  assert.throws(
    () => {
      for (let i = 0; i < 200; i++) run();
    },
    (error: Error) =>
      error instanceof CometError &&
      /^kernel fill: expected a result, got the end of thread 2 in the middle of a call;/.test(error.message),
  );
  assert.equal(run().length, 12, "the others do its share");
  assert.ok(device.f32({ address, bytes: 12 * bytes } as never).every((value) => value === 1));
  await team.close();
});

test("a number of threads that makes no sense is refused", () => {
  const device = new Device({ memory: 1 << 20 });
  for (const threads of [0, -1, 1.5, Number.NaN, 1000]) {
    assert.throws(() => new Team(device, threads), UsageError);
  }
});

test("by default there are as many threads as the machine runs at once", () => {
  assert.equal(defaults.threads, Math.min(availableParallelism(), mostThreads));
});

test("workers do not keep the process alive", () => {
  const script = `
    import { Device } from "./dist/src/device/device.js";
    import { simdKernels } from "./dist/src/kernels/simd.js";
    const device = new Device({ memory: 1 << 20 });
    const kernels = simdKernels(device, { threads: 3, leastWork: 1 });
    while (kernels.ready() < 3) await new Promise((done) => setTimeout(done, 5));
    kernels.fill(device.f32(device.allocate(4096, "activations", "test")), 1);
    console.log("done");
  `;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 });
  assert.equal(child.status, 0, String(child.stderr));
  assert.equal(String(child.stdout), "done\n");
});

test("each call is made once, with the workspace of the thread that claimed it", () => {
  const count = fc.integer({ min: 1, max: 12 });
  const others = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 });
  fc.assert(
    fc.property(count, others, (calls, interruptions) => {
      const board = Board.for(12);
      const made: number[] = [];
      const threads: number[] = [];
      const waiting = [...interruptions];
      const help = (thread: number) => {
        threads.push(thread);
        board.help([kernel], thread);
        threads.pop();
      };
      // Whenever a thread makes a call, the next of `waiting` cuts in and helps until nothing is left, or is cut in on.
      const kernel = (call = 0, _: number, workspace = 0) => {
        made.push(call);
        assert.equal(workspace, 1000 + 64 * threads.at(-1)!);
        const thread = waiting.shift();
        if (thread !== undefined) help(thread);
        return 10 * call;
      };
      const all = [...Array(calls).keys()];
      for (const round of [1, 2]) {
        made.length = 0;
        const list = all.map((call) => [call, 0]);
        board.post(0, list, { address: 1000, bytes: 64 });
        help(0);
        assert.deepEqual(
          made.toSorted((a, b) => a - b),
          all,
        );
        assert.deepEqual(
          board.collect(),
          all.map((call) => 10 * call),
        );
        assert.equal(board.serve(round - 1, [kernel], 1), round);
        assert.equal(made.length, calls, "a worker that comes late finds nothing left");
      }
    }),
    { seed, numRuns: 200 },
  );
});
