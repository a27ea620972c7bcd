/** Own data, from an async iterator and from arrays; training that stops early, or when a signal says so. */
import { createRng, createSession, datasetOf, type LabelledImage, train } from "comet-ts";

const [height, width] = [16, 16];
const rng = createRng(7);

/** A bright horizontal or vertical bar on noise. Images from files or over the network come the same way. */
async function* bars(count: number): AsyncGenerator<LabelledImage> {
  for (let i = 0; i < count; i++) {
    const [label, at] = [rng.integer(0, 1), rng.integer(2, 12)];
    const bright = (j: number) => Math.abs((label ? j % width : Math.floor(j / width)) - at) < 2;
    yield {
      label,
      image: Float32Array.from({ length: height * width }, (_, j) => rng.uniform() + +bright(j)),
    };
  }
}

const test = { images: new Float32Array(64 * height * width), labels: new Uint8Array(64) };
let n = 0;
for await (const { image, label } of bars(64)) {
  test.images.set(image, n * height * width);
  test.labels[n++] = label;
}
const classes = ["horizontal", "vertical"];
const dataset = await datasetOf({ classes, channels: 1, height, width, train: bars(512), test });

const settings = { model: "lenet", batch: 32, epochs: 30, lr: 0.02, threads: 1 };
const early = createSession(settings, dataset);
const { steps, testAccuracy } = await train(early, { onEpoch: (epoch) => epoch.testAccuracy < 0.95 });
console.log(`early: ${steps < 480}, above 95 %: ${testAccuracy >= 0.95}`); // prints early: true, above 95 %: true

const stop = new AbortController();
const session = createSession(settings, dataset);
const onStep = ({ step }: { step: number }) => (step === 4 ? stop.abort() : undefined);
const outcome = await train(session, { signal: stop.signal, onStep });
console.log(outcome.steps, outcome.aborted); // prints 5 true
await Promise.all([early.close(), session.close()]);
