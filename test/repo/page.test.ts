/** The example page: what its worker tells, beside the same run in Node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openDataset } from "../../src/data/open.js";
import { type Outcome, train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";
import { missing, visit } from "./browser.js";

const settings = { model: "lenet", steps: 10, threads: 2 };

test("the example page trains on the embedded images to Node's accuracy and weights", {
  skip: missing("chromium"),
}, async () => {
  const { steps, outcome } = await visit<{ steps: number; outcome: Outcome }>(
    "chromium",
    `
    const worker = new Worker("/dist/examples/browser/trainer.js", { type: "module" });
    let steps = 0;
    worker.onmessage = ({ data }) => {
      if (data.kind === "ready") worker.postMessage(${JSON.stringify(settings)});
      else if (data.kind === "failure") tell({ error: data.message });
      else if (data.kind === "end") tell({ steps, outcome: data.outcome });
      else if (data.record.kind === "step") steps++;
    };
  `,
  );
  assert.equal(steps, settings.steps);
  const dataset = await openDataset("fashion-mnist");
  const session = createSession({ ...defaults, ...settings }, dataset);
  assert.deepEqual(outcome, await train(session));
  await session.engine.close();
  await dataset.close();
});

test("an error in a page's worker reaches the thread that called it", {
  skip: missing("chromium"),
}, async () => {
  const message = await visit<string>(
    "chromium",
    `import { Device } from "/dist/src/device/device.js";
     import { Team } from "/dist/src/device/workers.js";
     const device = new Device({ memory: 64 << 20 });
     const team = new Team(device, 2);
     while (team.ready < 2) await new Promise((done) => setTimeout(done, 5));
     // The caller's own share is long, so that it does not take the worker's over.
     const { address } = device.allocate(32 << 20, "activations", "test");
     try {
       team.run("fill", [[address, 1, 0, 8 << 20], [device.budget, 1, 0, 4]]);
       tell("no error");
     } catch (error) {
       tell(error.message);
     }`,
  );
  assert.match(message, /kernel fill: .*out of bounds/);
});
