/**
 * The law of each site, alone: one tensor is stored under its bound, all others as they are, so that what its own error
 * does is not mixed with what sites above have sent. On a real training step, root mean squares over several dithers.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { gradientSigma, upstreamVariance } from "../../src/comet/law.js";
import { ErrorTrace } from "../../src/comet/prediction.js";
import type { CometStore } from "../../src/comet/store.js";
import type { Dataset, Split } from "../../src/data/dataset.js";
import { openDataset } from "../../src/data/open.js";
import { PlainStore } from "../../src/engine/store.js";
import { Tensor } from "../../src/engine/tensor.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { isPredicted, probe, weightGradients } from "../../src/stores/probe.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { defaults } from "../../src/training/settings.js";

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

/** The same images with a black border of two pixels. */
function bordered(data: Dataset): Dataset {
  const [inner, side] = [data.width, data.width + 4];
  const split = (from: Split): Split => ({
    length: from.length,
    async batch(indices, images, labels, rng) {
      const small = new Float32Array(indices.length * inner * inner);
      await from.batch(indices, small, labels, rng);
      images.fill(small[0]!);
      for (let row = 0; row < indices.length * inner; row++) {
        const [image, y] = [Math.floor(row / inner), row % inner];
        images.set(small.subarray(row * inner, (row + 1) * inner), (image * side + y + 2) * side + 2);
      }
    },
  });
  return { ...data, width: side, height: side, train: split(data.train), test: split(data.test) };
}

interface Settings {
  model: string;
  steps: number;
  lr: number;
  /** Of the dither. */
  draws: number;
}

/** Some steps of training, and then one to look at, again and again. */
async function opened(dataset: Dataset, { model, steps, lr, draws }: Settings) {
  const side = dataset.width;
  const { train: images } = dataset;
  const short = { ...images, length: steps * batch, batch: images.batch.bind(images) };
  const test = { ...dataset.test, length: 16, batch: dataset.test.batch.bind(dataset.test) };
  const settings = { ...defaults, model, batch, steps, lr, threads: 1 };
  const session = createSession(settings, { ...dataset, train: short, test });
  await train(session);
  const { engine, model: network } = session;
  const comet = engine.store as CometStore;
  const [pixels, labels] = [new Float32Array(batch * side * side), new Float32Array(batch)];
  await images.batch(
    Uint32Array.from({ length: batch }, (_, i) => 1000 + i),
    pixels,
    labels,
    null,
  );
  await dataset.close();

  const forward = () =>
    crossEntropy(
      network.forward(Tensor.from(engine, pixels, [batch, 1, side, side])),
      Tensor.from(engine, labels, [batch]),
    );
  /** The gradients of the parameters, and of every op's output. */
  const step = () => {
    const outputs = new Map<string, Float32Array>();
    engine.onGradient = (site, dy) => outputs.set(site, dy.data.slice());
    const parameters = weightGradients(network, forward);
    engine.onGradient = null;
    return { outputs, parameters };
  };
  engine.observer = null;
  engine.store = new PlainStore();
  /** Of every op. */
  const values = new Map<string, Float32Array>();
  engine.onOutput = (site, y) => values.set(site, y.data.slice());
  const exact = step();
  engine.onOutput = null;
  engine.observer = comet.controller.observer;
  engine.store = comet;
  comet.controller.collecting = true;
  const { sites } = comet.controller;

  /** The step with errors in the tensor that a site claims, and nowhere else. */
  const drawn = (claimant: string) => {
    comet.only = ({ name }) => name === claimant;
    return Array.from({ length: draws }, (_, draw) => {
      comet.draw = draw + 1;
      return step();
    });
  };

  /** All gradients, under all errors. */
  const probed = () => {
    comet.only = () => true;
    return probe(engine, network, forward, draws).filter(isPredicted);
  };
  return { sites, values, exact, drawn, probed };
}

/** Notes which predictions are off by a tenth. */
class Ratios {
  readonly off: string[] = [];
  readonly all: number[] = [];

  check(what: string, predicted: number, measured: number): void {
    const ratio = Math.sqrt(predicted / measured);
    if (!(Math.abs(ratio - 1) < 0.1)) this.off.push(`${what} ${ratio.toFixed(3)}`);
    this.all.push(ratio);
  }
}

test("each site's law predicts the noise of its own gradient, and of the one that it sends upstream", async () => {
  const { sites, values, exact, drawn } = await opened(await openDataset("fashion-mnist"), {
    model: "resnet8",
    steps: 40,
    lr: 0.05,
    draws: 32,
  });
  const ratios = new Ratios();
  for (const { site } of [...sites.values()]) {
    const seen = drawn(site.name);
    const { applied, gatedVariance, observation } = sites.get(site.name)!;
    const own = meanSquare(
      seen.map(({ parameters }) => parameters.get(site.parameter!)!),
      exact.parameters.get(site.parameter!)!,
    );
    ratios.check(`${site.name} own`, gradientSigma(applied, observation!) ** 2, own);
    if (observation!.upstream) {
      // Batch normalisation's input is the output of the convolution before it.
      const below = site.name.replace(/bn(\d)\.y/, "conv$1");
      const bn = site.name.replace(/\.y$/, "");
      const errors = seen.map(({ outputs }) => difference(outputs.get(below)!, exact.outputs.get(below)!));
      // Blocks above that are recovered from this tensor err as well: what they send has to pass here.
      const arrived = seen.map(({ outputs }) => difference(outputs.get(bn)!, exact.outputs.get(bn)!));
      const passed = arrived.map((e) => backward(e, values.get(below)!, site.parameter!.value.data));
      const sent = passed.reduce((sum, e, draw) => sum + meanSquare([errors[draw]!], e), 0) / seen.length;
      const predicted = upstreamVariance(applied, observation!.upstream, gatedVariance);
      ratios.check(`${site.name} upstream`, predicted, sent);
    }
  }
  assert.equal(ratios.all.length, 8 + 7 * 2);
  assert.deepEqual(ratios.off, []);
});

test("the laws of SiLU, of squeeze-and-excitation and of the convolutions behind them predict what their z does", async () => {
  const { sites, values, exact, drawn, probed } = await opened(bordered(await openDataset("fashion-mnist")), {
    model: "efficientnet_b0",
    steps: 10,
    lr: 0.005,
    draws: 8,
  });
  const ratios = new Ratios();
  for (const block of [1, 2].map((stage) => `features.${stage}.0.block`)) {
    const expands = block !== "features.1.0.block";
    const excitation = `${block}.${expands ? 2 : 1}`;
    for (const norm of expands ? [`${block}.0`, `${block}.1`] : [`${block}.0`]) {
      const [bn, silu] = [`${norm}.1`, `${norm}.2`];
      const excited = norm === `${block}.1` || !expands;
      const conv = `${block}.${excited ? (expands ? 3 : 2) : 1}.0`;
      const seen = drawn(`${bn}.y`);
      const errorsAt = (output: string) =>
        seen.map(({ outputs }) => difference(outputs.get(output)!, exact.outputs.get(output)!));
      const power = (errors: readonly Float32Array[]) =>
        meanSquare(errors, new Float32Array(errors[0]!.length));

      const { applied, observation } = sites.get(`${conv}.x`)!;
      const weight = sites.get(`${conv}.x`)!.site.parameter!;
      const own = meanSquare(
        seen.map(({ parameters }) => parameters.get(weight)!),
        exact.parameters.get(weight)!,
      );
      ratios.check(`${conv} own`, gradientSigma(applied, observation!) ** 2, own);

      const above = errorsAt(silu);
      const below = errorsAt(bn).map((e, draw) => {
        const passed = new Float32Array(e.length);
        referenceKernels.siluBackward(passed, above[draw]!, values.get(bn)!);
        return difference(e, passed);
      });
      const seenBySilu = sites.get(`${silu}.x`)!;
      ratios.check(
        `${silu} upstream`,
        upstreamVariance(seenBySilu.applied, seenBySilu.observation!.upstream!),
        power(below),
      );

      if (!excited) continue;
      const seenByExcite = sites.get(`${excitation}.x`)!;
      const factors = errorsAt(`${excitation}.scale_activation`);
      ratios.check(
        `${excitation} upstream`,
        upstreamVariance(seenByExcite.applied, seenByExcite.observation!.upstream!),
        power(factors),
      );
    }
  }
  assert.equal(ratios.all.length, 3 * 2 + 2);
  assert.deepEqual(ratios.off, []);

  // All sites together. What is made from one z errs by one e: SiLU's error meets that of batch normalisation's x̂ again.
  const together = () => {
    const logs = probed()
      .filter(({ parameter }) => sites.has(`${parameter.replace(/1\.weight$/, "2")}.x`))
      .map(({ predicted, measured }) => Math.log(predicted / measured));
    assert.equal(logs.length, 49);
    return Math.exp(logs.reduce((a, b) => a + b) / logs.length);
  };
  const ratio = together();
  assert.ok(Math.abs(ratio - 1) < 0.05, `predicted ÷ measured ${ratio}, the mean over γ before a SiLU`);
  const { draw } = ErrorTrace.prototype;
  try {
    ErrorTrace.prototype.draw = function (site) {
      return draw.call(this, site, null);
    };
    assert.ok(together() < 0.95, "signs of their own pass, too");
  } finally {
    ErrorTrace.prototype.draw = draw;
  }
});
