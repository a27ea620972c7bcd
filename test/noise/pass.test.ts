/** What the observer of a backward pass hands down: the share of a site's noise that arrives at the sites below it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { assertNothingLeaks, backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { NoisePass } from "../../src/noise/pass.js";
import { silu } from "../../src/ops/activation.js";
import { linear } from "../../src/ops/conv.js";
import { crossEntropy } from "../../src/ops/loss.js";
import { add } from "../../src/ops/pointwise.js";

/** The noise that arrives at each site, and the mean square of δ there, in a backward pass from a network's outputs. */
function observed(network: (x: Tensor) => Tensor) {
  const engine = createEngine({ memory: "4MiB", kernels: "reference" });
  const arrived = new Map<string, ReadonlyMap<string, number>>();
  engine.observer = new NoisePass({
    collecting: true,
    record: ({ name }, _observation, noise) => arrived.set(name, new Map(noise)),
  });
  const power = new Map<string, number>();
  engine.onGradient = (site, { data }) =>
    power.set(site, data.reduce((sum, d) => sum + d * d, 0) / data.length);
  const value = Tensor.from(engine, [1, -2, 0.5, 3, -1, 2], [2, 3]);
  const weight = { name: "w", value, gradient: null as Tensor | null };
  const y = network(linear(Tensor.from(engine, [1, 2, 3], [1, 3]), weight, null, "below"));
  backward(crossEntropy(y, Tensor.from(engine, [1], [1])));
  weight.gradient!.dispose();
  value.dispose();
  engine.observer.end();
  assertNothingLeaks(engine);
  return { arrived, gain: (from: string, to: string) => power.get(to)! / power.get(from)! };
}

test("noise that a site sends arrives whole at the next one, and passes each op as the gradient does", () => {
  const { arrived, gain } = observed((x) => silu(silu(silu(x, "low"), "middle"), "top"));
  assert.deepEqual([...arrived.get("top.x")!], []);
  assert.deepEqual([...arrived.get("middle.x")!], [["top.x", 1]]);
  const low = arrived.get("low.x")!;
  const expected = gain("middle", "low");
  assert.ok(Math.abs(expected - 1) > 0.01, "the op must change the power, or the test says nothing");
  assert.ok(Math.abs(low.get("top.x")! / expected - 1) < 1e-6);
  assert.equal(low.get("middle.x"), 1);
});

test("below a sum of gradients, noise passes an op as that sum does and not as one of its parts", () => {
  const { arrived, gain } = observed((x) => {
    const y = silu(silu(x, "low"), "middle");
    return silu(add(silu(y.ref, "branch"), y), "top");
  });
  const [middle, low] = ["middle.x", "low.x"].map((site) => arrived.get(site)!.get("top.x")!) as [
    number,
    number,
  ];
  assert.ok(Math.abs(gain("branch", "middle") - 1) > 0.01 && Math.abs(gain("middle", "low") - 1) > 0.01);
  assert.ok(Math.abs(low / middle / gain("middle", "low") - 1) < 1e-6);
});
