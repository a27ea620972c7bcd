/** A codec makes no assumption on what its scratch held before: the engine gives it memory that was used for other things. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { quantizers } from "../../src/codec/bound.js";
import { WasmCodec } from "../../src/codec/wasm.js";
import { createEngine } from "../../src/engine/engine.js";
import { createRng } from "../../src/rng.js";

test("frames and values do not depend on what the scratch held", () => {
  const { device } = createEngine({ memory: "8MiB", threads: 1 });
  const shape = [2, 3, 30, 41];
  const length = 2 * 3 * 30 * 41;
  const [x, y] = [
    device.allocate(4 * length, "activations", "x"),
    device.allocate(4 * length, "activations", "y"),
  ];
  const out = device.allocate(5 * length, "saved", "frame");
  const scratch = device.allocate(WasmCodec.scratchBytes, "workspace", "codec");
  const rng = createRng(4);
  device.f32(x).forEach((_, i, values) => {
    values[i] = Math.max(0, rng.uniform() - 0.4);
  });
  for (const mode of ["fast", "dense", "auto"] as const) {
    for (const quantizer of quantizers) {
      const results = [0x00, 0xff, 0x5a].map((garbage) => {
        const fresh = () => {
          device.u8(scratch).fill(garbage);
          return new WasmCodec(device.exports, device.memory, scratch.address);
        };
        const options = { bound: 0.01, mode, quantizer, seed: 1 };
        const bytes = fresh().encodeAt(x.address, length, shape, options, out.address, out.bytes);
        fresh().decodeAt(out.address, bytes, y.address);
        return [Buffer.from(device.u8(out).slice(0, bytes)), Buffer.from(device.u8(y).slice())] as const;
      });
      for (const [frame, values] of results) {
        assert.ok(frame.equals(results[0]![0]), `${mode}, ${quantizer}: another frame`);
        assert.ok(values.equals(results[0]![1]), `${mode}, ${quantizer}: other values`);
      }
    }
  }
});
