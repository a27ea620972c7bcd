/** An own network of ready layers: trained, watched step by step, and asked for the class of an image. */
import { createSession, type Input, nn, openDataset, predict, train } from "comet-ts";

function network(b: nn.Builder, { channels, classes }: Input): nn.Module {
  return new nn.Sequential({
    conv1: new nn.Conv2d(b, channels, 8, 3, { padding: 1, stride: 2, init: "he" }),
    bn1: new nn.BatchNorm2d(b, 8),
    relu1: new nn.ReLU(),
    conv2: new nn.Conv2d(b, 8, 16, 3, { padding: 1, stride: 2, init: "he" }),
    bn2: new nn.BatchNorm2d(b, 16),
    relu2: new nn.ReLU(),
    pool: new nn.AdaptiveAvgPool2d(2),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(b, 16 * 2 * 2, classes),
  });
}

const dataset = await openDataset("fashion-mnist");
const session = createSession({ batch: 32, steps: 60, threads: 1 }, dataset, { network });
const { steps, testAccuracy } = await train(session, {
  onStep({ step, loss, rawBytes, packedBytes }) {
    if (step % 30 !== 29) return;
    console.log(
      `step ${step + 1}: loss below 1.8 ${loss < 1.8}, kept 3 times smaller ${rawBytes > 3 * packedBytes}`,
    );
  },
});
// prints step 30: loss below 1.8 true, kept 3 times smaller true
// prints step 60: loss below 1.8 true, kept 3 times smaller true
console.log(`${steps} steps, more than half right: ${testAccuracy > 0.5}`); // prints 60 steps, more than half right: true

const [images, labels] = [new Float32Array(100 * 28 * 28), new Float32Array(100)];
await dataset.test.batch(Uint32Array.from(labels.keys()), images, labels, null);
const right = predict(session, images).filter(({ label }, i) => label === labels[i]);
console.log(`of 100 images, more than 50 right: ${right.length > 50}`); // prints of 100 images, more than 50 right: true
await session.close();
