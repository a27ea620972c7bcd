/** Σx² over parts has the bits of the sum over the whole, wherever the parts end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEngine } from "../../src/engine/engine.js";
import { RunningSquares } from "../../src/engine/running.js";
import { Tensor } from "../../src/engine/tensor.js";
import { createRng } from "../../src/rng.js";
import { seed } from "../arbitrary/seed.js";

test("the running mean square has the bits of the mean square", () => {
  const engine = createEngine({ memory: "2MiB" });
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(1024, 2048)), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(sizes, fc.nat(), (parts, salt) => {
      const rng = createRng(seed).fork(`squares ${salt}`);
      const size = parts.reduce((a, b) => a + b);
      const whole = Tensor.from(
        engine,
        Float32Array.from({ length: size }, () => rng.uniform() - 0.5),
        [size],
      );
      const squares = new RunningSquares(engine);
      let first = 0;
      for (const length of parts) {
        squares.add(whole.data.subarray(first, first + length));
        first += length;
      }
      assert.equal(squares.sum, engine.kernels.sumSquares(whole.data));
      whole.dispose();
    }),
    { seed, numRuns: 60 },
  );
});
