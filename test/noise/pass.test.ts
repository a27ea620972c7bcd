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

test("noise that a site sends arrives whole at the next one, and passes each op as the gradient does", () => {
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
  const x = linear(Tensor.from(engine, [1, 2, 3], [1, 3]), weight, null, "below");
  const y = silu(silu(silu(x, "low"), "middle"), "top");
  backward(crossEntropy(y, Tensor.from(engine, [1], [1])));

  assert.deepEqual([...arrived.get("top.x")!], []);
  assert.deepEqual([...arrived.get("middle.x")!], [["top.x", 1]]);
  const gain = (from: string, to: string) => power.get(to)! / power.get(from)!;
  const low = arrived.get("low.x")!;
  const expected = gain("middle", "low");
  assert.ok(Math.abs(expected - 1) > 0.01, "the op must change the power, or the test says nothing");
  assert.ok(Math.abs(low.get("top.x")! / expected - 1) < 1e-6);
  assert.equal(low.get("middle.x"), 1);
  weight.gradient!.dispose();
  value.dispose();
  engine.observer.end();
  assertNothingLeaks(engine);
});
