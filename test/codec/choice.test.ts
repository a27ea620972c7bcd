/** A choice of model and tables, found for one tensor, may serve any other: it costs bytes at most, never the bound. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { quantizers } from "../../src/codec/bound.js";
import { decode } from "../../src/codec/index.js";
import { instantiate } from "../../src/codec/instantiate.js";
import { scratchBytes } from "../../src/codec/limits.js";
import { WasmCodec } from "../../src/codec/wasm.js";
import { createRng } from "../../src/rng.js";
import { specials } from "../arbitrary/float.js";
import { seed } from "../arbitrary/seed.js";
import { keeps } from "../laws/codec.js";

const memory = new WebAssembly.Memory({ initial: 64, maximum: 256 });
const exports = instantiate(memory);
const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
const codec = new WasmCodec(exports, memory, scratch);
const x0 = scratch + scratchBytes;

const shape = [2, 8, 32, 40];
const length = 20480;
const out = x0 + 4 * length;
const capacity = 5 * length;
memory.grow(Math.ceil((out + capacity) / 65536));

const random = createRng(seed);
const odd = new Float32Array(Uint32Array.from(specials).buffer);
const tensors = {
  slopes: Float32Array.from({ length }, (_, i) => 0.1 * Math.abs((i % 40) - 20) + 0.4 * random.uniform()),
  noise: Float32Array.from({ length }, () => 40 * random.uniform() - 20),
  sparse: Float32Array.from({ length }, () => Math.max(0, 9 * random.uniform() - 8)),
  pierced: Float32Array.from({ length }, (_, i) =>
    i % 997 === 500 ? odd[i % odd.length]! : 3 * random.uniform(),
  ),
  constant: new Float32Array(length).fill(0.7),
  huge: Float32Array.from({ length }, () => 3e38 * (2 * random.uniform() - 1)),
};

function place(x: Float32Array): void {
  new Float32Array(memory.buffer, x0, length).set(x);
}

const settings = quantizers.map((quantizer) => ({ quantizer, bound: 0.5, mode: "dense", seed }) as const);

test("whatever another tensor chose, under whichever quantizer, every value keeps the bound", () => {
  for (const model of Object.values(tensors)) {
    for (const asked of settings) {
      place(model);
      const choice = codec.chooseAt(x0, length, shape, asked);
      for (const x of Object.values(tensors)) {
        for (const options of settings) {
          place(x);
          const bytes = codec.encodeAt(x0, length, shape, { ...options, choice }, out, capacity);
          assert.ok(bytes > 0);
          keeps(x, decode(new Uint8Array(memory.buffer, out, bytes).slice()), { ...options, shape });
        }
      }
    }
  }
});

test("a tensor's own choice gives the frame that a search gives", () => {
  for (const x of Object.values(tensors)) {
    for (const options of settings) {
      place(x);
      const searched = codec.encodeAt(x0, length, shape, options, out, capacity);
      const frame = new Uint8Array(memory.buffer, out, searched).slice();
      const choice = codec.chooseAt(x0, length, shape, options);
      const given = codec.encodeAt(x0, length, shape, { ...options, choice }, out, capacity);
      assert.deepEqual(new Uint8Array(memory.buffer, out, given), frame);
    }
  }
});

test("under auto, dense mode is chosen where it saves the part of the bytes that is asked for", () => {
  const options = { quantizer: "dithered", bound: 0.5, seed } as const;
  for (const [name, x] of Object.entries(tensors)) {
    place(x);
    const sizeAs = (mode: "fast" | "dense") =>
      codec.encodeAt(x0, length, shape, { ...options, mode }, out, capacity);
    const saved = 1 - sizeAs("dense") / sizeAs("fast");
    const chosen = (saving: number) =>
      codec.chooseAt(x0, length, shape, { ...options, mode: "auto" }, saving) !== null;
    // The sample foretells the bytes to a few hundredths.
    if (saved > 0.1) assert.ok(chosen(saved - 0.1), `${name} saves ${saved}`);
    assert.ok(!chosen(Math.max(0, saved) + 0.1), `${name} saves ${saved}`);
  }
});
