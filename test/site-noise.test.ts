/**
 * The law of each site, alone: one tensor is stored under its bound, all others as they are, so that what its own error
 * does is not mixed with what sites above have sent. On a real training step, root mean squares over several dithers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gradientSigma, upstreamVariance } from "../src/comet/law.js";
import { weightGradients } from "../src/comet/probe.js";
import { openDataset } from "../src/data/open.js";
import { referenceKernels } from "../src/kernels/reference.js";
import { crossEntropy } from "../src/ops/loss.js";
import { createSession, defaults } from "../src/session.js";
import { PlainStore } from "../src/store.js";
import { Tensor } from "../src/tensor.js";
import { train } from "../src/train.js";

const draws = 32;
const batch = 8;

/** Σ(a − b)² ÷ count over all draws. */
const meanSquare = (found: readonly Float32Array[], exact: Float32Array): number =>
  found.reduce((sum, values) => values.reduce((s, v, i) => s + (v - exact[i]!) ** 2, sum), 0) /
  (found.length * exact.length);

const difference = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value - b[i]!);

/** What batch normalisation of x makes of an error in δ. */
function backward(e: Float32Array, x: Float32Array, gamma: Float32Array): Float32Array {
  const shape = { N: batch, C: gamma.length, size: x.length / (batch * gamma.length) };
  const [mean, spread, dgamma, dbeta] = Array.from({ length: 4 }, () => new Float32Array(shape.C));
  referenceKernels.channelMoments(mean!, spread!, x, shape);
  referenceKernels.inverseStd(spread!, spread!, 1e-5);
  const dx = new Float32Array(x.length);
  referenceKernels.batchNormBackward(dx, dgamma!, dbeta!, e, x, mean!, spread!, gamma, shape);
  return dx;
}

test("each site's law predicts the noise of its own gradient, and of the one that it sends upstream", async () => {
  const dataset = await openDataset("fashion-mnist");
  const { train: images } = dataset;
  const short = { ...images, length: 320, batch: images.batch.bind(images) };
  const test = { ...dataset.test, length: 16, batch: dataset.test.batch.bind(dataset.test) };
  const settings = { ...defaults, model: "resnet8", batch, steps: 30, lr: 0.05, threads: 1 };
  const session = createSession(settings, { ...dataset, train: short, test });
  await train(session);
  const { engine, model, comet } = session;
  const [pixels, labels] = [new Float32Array(batch * 28 * 28), new Float32Array(batch)];
  await images.batch(
    Uint32Array.from({ length: batch }, (_, i) => 1000 + i),
    pixels,
    labels,
    null,
  );
  await dataset.close();

  /** The gradients of the parameters, and of every op's output. */
  const step = () => {
    const outputs = new Map<string, Float32Array>();
    engine.onGradient = (site, dy) => outputs.set(site, dy.data.slice());
    const forward = () =>
      crossEntropy(
        model.forward(Tensor.from(engine, pixels, [batch, 1, 28, 28])),
        Tensor.from(engine, labels, [batch]),
      );
    const parameters = weightGradients(model, forward);
    return { outputs, parameters };
  };
  engine.observer = null;
  engine.store = new PlainStore();
  const values = new Map<string, Float32Array>();
  engine.onOutput = (site, y) => values.set(site, y.data.slice());
  const exact = step();
  engine.onOutput = null;
  engine.observer = comet!.controller;
  engine.store = comet!;
  comet!.controller.collecting = true;

  const off: string[] = [];
  let checked = 0;
  for (const { site } of [...comet!.controller.sites.values()]) {
    comet!.only = (other) => other === site || other.name === site.name;
    const seen = Array.from({ length: draws }, (_, draw) => {
      comet!.draw = draw + 1;
      return step();
    });
    const { applied, gatedVariance, observation } = comet!.controller.sites.get(site.name)!;
    const own = meanSquare(
      seen.map(({ parameters }) => parameters.get(site.parameter!)!),
      exact.parameters.get(site.parameter!)!,
    );
    const check = (what: string, predicted: number, measured: number) => {
      const ratio = Math.sqrt(predicted / measured);
      if (!(Math.abs(ratio - 1) < 0.1)) off.push(`${site.name} ${what} ${ratio.toFixed(3)}`);
      checked++;
    };
    check("own", gradientSigma(applied, observation!) ** 2, own);
    if (observation!.upstream) {
      // Batch normalisation's input is the output of the convolution before it.
      const below = site.name.replace(/bn(\d)\.y/, "conv$1");
      const bn = site.name.replace(/\.y$/, "");
      const errors = seen.map(({ outputs }) => difference(outputs.get(below)!, exact.outputs.get(below)!));
      // Blocks above that are recovered from this tensor err as well: what they send has to pass here.
      const arrived = seen.map(({ outputs }) => difference(outputs.get(bn)!, exact.outputs.get(bn)!));
      const passed = arrived.map((e) => backward(e, values.get(below)!, site.parameter!.value.data));
      const sent = passed.reduce((sum, e, draw) => sum + meanSquare([errors[draw]!], e), 0) / draws;
      check("upstream", upstreamVariance(applied, observation!.upstream, gatedVariance), sent);
    }
  }
  assert.equal(checked, 8 + 7 * 2);
  assert.deepEqual(off, []);
});
