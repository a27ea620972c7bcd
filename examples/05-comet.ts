/** What COMET predicts of the error of each weight's gradient, and what a probe measures, in one training step. */
import { createSession, openDataset, train } from "comet-ts";

const dataset = await openDataset("fashion-mnist");
const session = createSession({ model: "lenet", batch: 64, steps: 31, threads: 1 }, dataset);
await train(session, {
  probeAt: (step) => step === 30,
  onRecord(record) {
    if (record.kind !== "probe") return;
    for (const { parameter, predicted, measured } of record.rows) {
      if (predicted === null) continue; // Of biases nothing is predicted.
      const close = Math.abs(predicted / measured - 1) < 0.25;
      console.log(`${parameter}: predicted and measured σ agree: ${close}`);
    }
  },
});
await session.close();
// prints conv1.weight: predicted and measured σ agree: true
// prints conv2.weight: predicted and measured σ agree: true
// prints fc1.weight: predicted and measured σ agree: true
// prints fc2.weight: predicted and measured σ agree: true
// prints fc3.weight: predicted and measured σ agree: true
