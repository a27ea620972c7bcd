/** The example page: what its worker tells, beside the same run in Node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openDataset } from "../src/data/open.js";
import { createSession, defaults } from "../src/session.js";
import { type Outcome, train } from "../src/train.js";
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
