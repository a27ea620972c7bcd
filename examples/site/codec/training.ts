/** A network that trains in the page, and what its layers put out afterwards. */
import { createSession, Tensor, train } from "../../../src/browser.js";
import { embeddedDataset } from "../embedded.js";
import type { Source } from "./source.js";

const images = 4;

/** Trains for some steps, and takes the outputs of the layers that are kept for the backward pass. */
export async function trainedOutputs(
  base: string,
  steps: number,
  onStep: (step: number, loss: number) => void,
): Promise<Source[]> {
  const dataset = await embeddedDataset(base);
  // The test of all images at the end would take longer than the training.
  const test = { ...dataset.test, length: 16, batch: dataset.test.batch.bind(dataset.test) };
  const settings = {
    model: "resnet8",
    batch: 32,
    steps,
    threads: 1,
    store: "plain",
    memory: "256MiB",
  } as const;
  const session = createSession(settings, { ...dataset, test });
  try {
    await train(session, { onStep: ({ step, loss }) => onStep(step, loss) });
    const { engine, model } = session;
    const { channels, height, width } = dataset;
    const [pixels, labels] = [new Float32Array(images * channels * height * width), new Float32Array(images)];
    await dataset.train.batch(Uint32Array.from(labels.keys()), pixels, labels, null);
    const found: Source[] = [];
    engine.onOutput = (site, { shape, data }) => {
      if (!/(relu1?|bn1)$/.test(site)) return;
      const note = `Output of ${site} after ${steps} steps of training in this page.`;
      found.push({ name: `Trained here: ${site}`, shape: [...shape], data: data.slice(), note });
    };
    model.train(true);
    engine.recording = false;
    model.forward(Tensor.from(engine, pixels, [images, channels, height, width])).dispose();
    return found;
  } finally {
    await session.close();
  }
}
