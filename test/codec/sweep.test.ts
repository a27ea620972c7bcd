/**
 * All float32 between a quarter of the bound and 2^16 times the bound: below, everything is one bin; above, integers no
 * longer fit the short form. `npm run verify` takes all 2^32.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { quantizers } from "../../src/codec/bound.js";
import { instantiate } from "../../src/codec/instantiate.js";
import { toBits } from "../arbitrary/float.js";
import { Sweep } from "../laws/sweep.js";

const bounds = [0.125, Math.fround(0.1), 1e-3];

for (const quantizer of quantizers) {
  for (const bound of quantizer === "dithered" || quantizer === "signed" ? [0.125] : bounds) {
    test(`every float32 from bound/4 to 2^16·bound keeps within ${bound}, ${quantizer}`, (t) => {
      const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
      const sweep = new Sweep(instantiate(memory), memory);
      const options = { bound, quantizer };
      const finding = sweep.run(toBits(bound / 4), toBits(bound * 16), options);
      // Binades further out behave alike: the edges of each, and a sixteenth between.
      for (let scale = 16; scale < 65536; scale *= 2) {
        const [from, to] = [toBits(bound * scale), toBits(bound * scale * 2)];
        sweep.run(from, from + (1 << 19), options, finding);
        sweep.run(to - (1 << 19), to, options, finding);
      }
      sweep.run(toBits(-bound * 2) - (1 << 19), toBits(-bound * 2), options, finding);
      t.diagnostic(
        `${finding.values} values, ${finding.raw} as they were, worst ${finding.worst.toFixed(6)} of the bound`,
      );
      assert.deepEqual(finding.violations, []);
      assert.equal(finding.signs, 0);
      assert.ok(finding.worst > 0.99 && finding.worst < 1);
    });
  }
}

/** The textbook's encoder: floor(x + ½), and a check that lets ties pass. Exactly one float32 breaks it at 1/8. */
test("the sweep finds the one value in 2^32 that floor(x/step + 1/2) with a loose check loses", () => {
  const bound = 0.125;
  let found = 0;
  const f32 = Math.fround;
  for (let bits = toBits(bound) - 1000; bits < toBits(bound) + 1000; bits++) {
    const x = new Float32Array(Uint32Array.of(bits).buffer)[0]!;
    const back = f32(Math.floor(f32(f32(x * 4) + 0.5)) * 0.25);
    if (f32(Math.abs(f32(x - back))) <= bound && Math.abs(x - back) > bound) found++;
  }
  assert.equal(found, 1);
});
