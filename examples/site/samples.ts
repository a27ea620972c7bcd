/**
 * The samples of the site: what a ResNet-8 saves after 60 steps of training on the embedded images, and the gradients
 * that meet it. The build makes them anew, so they are what the present code computes.
 *
 *   images            the first four training images
 *   x/SITE            the output of an op on them
 *   delta/SITE        the gradient of their loss with respect to the output of an op
 *   w/NAME            the weights and statistics of the first convolution and the first block
 */
import { writeFileSync } from "node:fs";
import { openDataset } from "../../src/data/open.js";
import { backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { encodeSafetensors, type NamedTensor } from "../../src/files/safetensors-bytes.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";

const settings = { model: "resnet8", steps: 60, seed: 1, store: "plain", threads: 2 } as const;

export const licence =
  "Made from images of Fashion-MNIST (MIT licence, Zalando SE) by a ResNet-8 that this site's build trains for 60 steps";

/** The outputs that the codec bench offers, and the input of a convolution for the tour. */
const outputs = ["bn1", "relu", "layer1.0.relu", "layer2.0.relu1", "layer2.0.relu", "layer3.0.relu"];
/** The outputs whose gradients the law bench and the tour need. */
const gradients = ["conv1", "bn1", "layer1.0.relu", "layer2.0.conv2"];
/** The state of all that comes before the gradients of the law bench. */
const early = /^(conv1|bn1|layer1)\./;

const images = 4;

const copied = ({ shape, data }: Tensor): NamedTensor => ({ shape: [...shape], data: data.slice() });

/** Trains and writes the samples. The file is the same on every machine. */
export async function writeSamples(file: string): Promise<void> {
  const dataset = await openDataset("fashion-mnist");
  // The test of the whole data set at the end of an epoch would take longer than the training.
  const test = { ...dataset.test, length: 16, batch: dataset.test.batch.bind(dataset.test) };
  const session = createSession(settings, { ...dataset, test });
  try {
    await train(session);
    const { engine, model } = session;
    const { channels, height, width } = dataset;
    const shape = [images, channels, height, width];
    const pixels = new Float32Array(images * channels * height * width);
    const labels = new Float32Array(images);
    await dataset.train.batch(Uint32Array.from(labels.keys()), pixels, labels, null);
    const tensors = new Map<string, NamedTensor>([["images", { shape, data: pixels }]]);
    for (const [name, tensor] of model.state()) {
      if (early.test(name)) tensors.set(`w/${name}`, copied(tensor));
    }
    engine.onOutput = (site, y) => {
      if (outputs.includes(site)) tensors.set(`x/${site}`, copied(y));
    };
    engine.onGradient = (site, dy) => {
      if (gradients.includes(site)) tensors.set(`delta/${site}`, copied(dy));
    };
    backward(
      crossEntropy(model.forward(Tensor.from(engine, pixels, shape)), Tensor.from(engine, labels, [images])),
    );
    writeFileSync(file, encodeSafetensors(tensors, { licence }));
  } finally {
    await session.close();
    await dataset.close();
  }
}
