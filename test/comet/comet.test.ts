/** The equations and the controller, by hand-made numbers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { calibrate } from "../../src/comet/calibration.js";
import { Controller } from "../../src/comet/controller.js";
import { errorVariance, gradientSigma, lawBound, paperBound, paperSigma } from "../../src/comet/law.js";
import { fixed } from "../../src/comet/policies/fixed.js";
import { law } from "../../src/comet/policies/law.js";
import { paper } from "../../src/comet/policies/paper.js";
import type { SiteState } from "../../src/comet/policy.js";
import type { Observation } from "../../src/engine/noise.js";
import type { Parameter, Site } from "../../src/engine/parameter.js";
import { BoundError, UsageError } from "../../src/error.js";
import { seed } from "../arbitrary/seed.js";

const observation: Observation = {
  energy: Float32Array.of(4, 0, 8),
  signal: 1,
  deltaGain: 1,
  arrived: 0,
  meanLoss: 0.5,
  nonZero: 0.25,
  batch: 16,
  upstream: null,
};
const weight = { name: "w" } as Parameter;
const site: Site = { name: "conv.x", op: "conv2d", parameter: weight };
const unknown: SiteState = {
  site,
  observation: null,
  arrivals: new Map(),
  acceptedSigma: 0,
  acceptedUpstream: 0,
  bounds: null,
  applied: 0,
  gatedVariance: 0,
};

test("equations (1) to (7) at a point", () => {
  assert.equal(errorVariance(3), 3);
  assert.equal(gradientSigma(3, observation), Math.sqrt(3 * 4));
  assert.equal(lawBound(2, observation), Math.sqrt(3));
  assert.equal(paperSigma(1, observation), 0.32 * 0.5 * 2);
  assert.equal(paperBound(0.32, observation), 1);
});

test("the bound of an accepted σ has that σ", () => {
  const positive = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(positive, positive, positive, (sigma, e, l) => {
      const seen = { ...observation, energy: Float32Array.of(e, 2 * e), meanLoss: l };
      for (const policy of [law, paper]) {
        const back = policy.sigma(
          policy.assign([{ ...unknown, observation: seen, acceptedSigma: sigma }])[0]!.bound,
          seen,
        );
        assert.ok(Math.abs(back / sigma - 1) < 1e-9);
      }
    }),
    { seed },
  );
});

test("the controller collects early and often, then every W steps", () => {
  const controller = new Controller({ every: 10 });
  const collected = Array.from({ length: 31 }, (_, step) => step).filter((step) => {
    controller.begin(step);
    return controller.collecting;
  });
  assert.deepEqual(collected, [0, 1, 2, 4, 8, 10, 20, 30]);
});

test("a site is kept raw until it was observed, then gets the law's bound", () => {
  const controller = new Controller({ share: 0.01 });
  assert.equal(controller.boundsFor(site), null);
  controller.record(site, observation);
  controller.assess(() => 200);
  assert.equal(controller.boundsFor(site)?.bound, lawBound(2, observation));
});

test("a layer without gradient or momentum stays raw rather than get a bound of 0 or infinity", () => {
  const controller = new Controller();
  controller.record(site, { ...observation, energy: Float32Array.of(0, 0) });
  controller.assess(() => 1);
  assert.equal(controller.boundsFor(site), null);
  controller.record(site, observation);
  controller.assess(() => 0);
  assert.equal(controller.boundsFor(site), null);
});

test("batch normalisation without a ReLU behind it, where no δ is 0, gets one bound for all values", () => {
  const controller = new Controller();
  controller.record(site, { ...observation, upstream: { noise: 1e-6, gated: 0, signal: 1 } });
  controller.assess(() => 1);
  const { bound, gated } = controller.boundsFor(site)!;
  assert.equal(gated, bound);
});

test("calibration on a part of a batch scales sums to the whole", () => {
  const controller = new Controller();
  controller.record(site, observation);
  const gradients = new Map([[site.parameter!, 100]]);
  calibrate(controller, {
    images: 4,
    backPropagate: () => gradients,
    forward: () => 0,
    leftForSaved: () => 0,
    memory: { budget: 0, limit: 0, fitting: () => 1, profile: () => [] },
  });
  const { observation: seen, acceptedSigma } = controller.sites.get(site.name)!;
  assert.deepEqual([...seen!.energy], [1, 0, 2]);
  assert.equal(seen!.batch, 64);
  assert.equal(acceptedSigma, 0.01 * 100 * 0.5);
});

test("policy fixed gives its bound to every site, and refuses what is no bound", () => {
  assert.equal(new Controller({ policy: fixed(0.5) }).boundsFor(site)?.bound, 0.5);
  for (const bound of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => fixed(bound), BoundError);
  assert.throws(() => new Controller({ every: 0 }), UsageError);
});
