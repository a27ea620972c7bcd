/** The codec's laws, applied to the reference and to every build; and errors, one by one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { quantizers } from "../../src/codec/bound.js";
import { checksum } from "../../src/codec/checksum.js";
import { sealHeader } from "../../src/codec/frame.js";
import {
  BoundError,
  decode,
  decodeInto,
  encode,
  encodeInto,
  frameCapacity,
  inspect,
  numcodec,
  ShapeError,
} from "../../src/codec/index.js";
import { instantiate } from "../../src/codec/instantiate.js";
import { scratchBytes, windowLength } from "../../src/codec/limits.js";
import * as reference from "../../src/codec/reference.js";
import { ResidentSink } from "../../src/codec/wasm/stream.js";
import { WasmCodec } from "../../src/codec/wasm.js";
import { specials } from "../arbitrary/float.js";
import { seed } from "../arbitrary/seed.js";
import {
  bitsOf,
  boundHolds,
  type Codec,
  equals,
  keeps,
  rectifiedIsExact,
  secondPassIsStill,
  supportIsExact,
  type Twins,
  twinsAreBoth,
} from "../laws/codec.js";

/** The codec inside the engine's module: a shared memory, addresses, and a frame that must not leave its capacity. */
function seam(build: string): Twins {
  const memory = new WebAssembly.Memory({ initial: 800, maximum: 800, shared: true });
  const bytes = readFileSync(new URL(`../../../build/${build}`, import.meta.url));
  const abort = () => assert.fail("abort");
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory, abort } });
  const heap = (instance.exports.memoryBase as () => number)();
  const scratch = Math.ceil(heap / 64) * 64;
  const codec = new WasmCodec(instance.exports, memory, scratch);
  const x0 = scratch + scratchBytes;
  return {
    encode(x, options) {
      const out = x0 + 4 * x.length;
      new Float32Array(memory.buffer, x0, x.length).set(x);
      const capacity = memory.buffer.byteLength - out;
      const encodeAt = (room: number) =>
        codec.encodeAt(x0, x.length, options.shape ?? [x.length], options, out, room);
      const length = encodeAt(capacity);
      const frame = new Uint8Array(memory.buffer, out, length).slice();
      // Exactly enough room gives the same frame, one byte less is refused, and nothing behind is touched.
      const fence = new Uint8Array(memory.buffer, out + length, 64).fill(0xa5);
      assert.equal(encodeAt(length), length);
      assert.deepEqual(new Uint8Array(memory.buffer, out, length).slice(), frame);
      assert.equal(encodeAt(length - 1), -1);
      assert.ok(fence.every((byte) => byte === 0xa5));
      return frame;
    },
    twins(frame) {
      const { length } = decode(frame);
      const [at, positive] = [
        x0 + 4 * length + 64,
        x0 + 4 * length + 128 + Math.ceil(frame.length / 64) * 64,
      ];
      new Uint8Array(memory.buffer, at, frame.length).set(frame);
      const fences = [x0, positive].map((from) =>
        new Uint8Array(memory.buffer, from + 4 * length, 64).fill(0xa5),
      );
      codec.run(codec.decoding(at, frame.length, x0, { positive }));
      assert.ok(fences.every((fence) => fence.every((byte) => byte === 0xa5)));
      const values = (from: number) => new Float32Array(memory.buffer, from, length).slice();
      return { plain: values(x0), positive: values(positive) };
    },
    decode(frame, { rectified = false } = {}) {
      const length = decode(frame).length;
      const at = x0 + 4 * length + 64;
      new Uint8Array(memory.buffer, at, frame.length).set(frame);
      const fence = new Uint8Array(memory.buffer, x0 + 4 * length, 64).fill(0xa5);
      codec.decodeAt(at, frame.length, x0, rectified);
      assert.ok(fence.every((byte) => byte === 0xa5));
      return new Float32Array(memory.buffer, x0, length).slice();
    },
  };
}

const wasm: Codec = { encode, decode };
const resident = seam("comet.wasm");
const mustFail = { seed, numRuns: 300, endOnFailure: true };

test("the bound holds, reference", () => boundHolds(reference, { seed, numRuns: 40 }));
test("the bound holds, wasm", () => boundHolds(wasm, { seed, numRuns: 2000 }));
test("support keeps zeros and signs, reference", () => supportIsExact(reference, { seed, numRuns: 40 }));
test("support keeps zeros and signs, wasm", () => supportIsExact(wasm, { seed, numRuns: 2000 }));
test("rectified values are zero exactly where no value was above zero, reference", () =>
  rectifiedIsExact(reference, { seed, numRuns: 40 }));
test("rectified values are zero exactly where no value was above zero, wasm", () =>
  rectifiedIsExact(wasm, { seed, numRuns: 2000 }));
test("decoded values stay within the bound when coded again", () =>
  secondPassIsStill(wasm, { seed, numRuns: 300 }));
test("wasm gives the reference's bytes and bits", () => equals(reference, wasm, { seed, numRuns: 500 }));
test("the release build in shared memory gives the reference's bytes and bits", () =>
  equals(reference, seam("comet.wasm"), { seed, numRuns: 250 }));
test("the debug build in shared memory gives the reference's bytes and bits", () =>
  equals(reference, seam("comet.debug.wasm"), { seed, numRuns: 50 }));

for (const build of ["comet.wasm", "comet.debug.wasm"]) {
  test(`values and rectified ones decoded at once are those of either alone, ${build}`, () =>
    twinsAreBoth(seam(build), { seed, numRuns: build === "comet.wasm" ? 1000 : 60 }));
}

test("the law of both at once catches rectified values by their own sign, and a lane too few", () => {
  const byValue: Twins = {
    ...resident,
    twins(frame) {
      const { plain } = resident.twins(frame);
      return { plain, positive: plain.map((y) => Math.max(y, 0)) };
    },
  };
  assert.throws(() => twinsAreBoth(byValue, mustFail));
  const short: Twins = {
    ...resident,
    twins(frame) {
      const { plain, positive } = resident.twins(frame);
      if (positive.length > 7) positive[7] = 0;
      return { plain, positive };
    },
  };
  assert.throws(() => twinsAreBoth(short, mustFail));
});

test("the bound's law catches a decoder that is an ulp off and an encoder without a check", () => {
  const shifted: Codec = {
    encode,
    decode: (frame) => decode(frame).map((value) => value + inspect(frame).bound * 2 ** -8),
  };
  assert.throws(() => boundHolds(shifted, mustFail));
  const unchecked: Codec = {
    encode: (x, options) =>
      encode(
        x.map((value) => Math.min(1e6, Math.max(-1e6, value))),
        options,
      ),
    decode,
  };
  assert.throws(() => boundHolds(unchecked, mustFail));
});

test("support's law catches the paper's quantiser", () => {
  const rounding: Codec = {
    encode: (x, options) => encode(x, { ...options, negativeBound: options.bound!, quantizer: "paper" }),
    decode,
  };
  assert.throws(() => supportIsExact(rounding, mustFail));
});

test("the law of rectified values catches a ReLU of decoded ones, and an encoder that puts all on one side", () => {
  const byValue: Codec = {
    encode,
    decode: (frame, { rectified } = {}) => decode(frame).map((y) => (rectified ? Math.max(y, 0) : y)),
  };
  assert.throws(() => rectifiedIsExact(byValue, mustFail));
  const oneSided: Codec = {
    encode: (x, options) =>
      encode(
        x.map((value) => (Math.abs(value) < options.bound! / 4 ? Math.abs(value) : value)),
        options,
      ),
    decode,
  };
  assert.throws(() => rectifiedIsExact(oneSided, mustFail));
});

test("frames that do not tell signs are not rectified", () => {
  const frame = encode(new Float32Array(8), { bound: 1, quantizer: "dithered" });
  assert.throws(
    () => decode(frame, { rectified: true }),
    /decode rectified: expected .*signs, .*got dithered/,
  );
});

test("raw bits survive: NaN payloads, infinities, and everything where the bound leaves nothing to quantise", () => {
  const bits = Uint32Array.from(specials);
  const x = new Float32Array(bits.buffer);
  for (const bound of [1e-3, 1e-44, 3e38]) {
    const back = bitsOf(decode(encode(x, { bound })));
    for (let i = 0; i < x.length; i++) if (!Number.isFinite(x[i])) assert.equal(back[i], bits[i]);
    if (bound === 1e-44) assert.deepEqual(back, bits);
  }
});

test("inspect tells what was asked", () => {
  const frame = encode(new Float32Array(12).fill(3), { bound: 0.1, negativeBound: 0.5, shape: [3, 4] });
  const { ratio, ...rest } = inspect(frame);
  assert.deepEqual(rest, {
    shape: [3, 4],
    mode: "fast",
    quantizer: "support",
    bound: 0.09999999403953552,
    negativeBound: 0.5,
    seed: 0,
    frameBytes: frame.length,
  });
  assert.ok(frame.length <= 32, `a constant takes ${frame.length} bytes`);
  assert.ok(ratio > 1);
});

test("a bound that is no bound is a BoundError", () => {
  const x = new Float32Array(3);
  for (const bound of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => encode(x, { bound }), BoundError);
    assert.throws(() => encode(x, { bound: 1, negativeBound: bound }), BoundError);
  }
  assert.throws(() => encode(x, { bound: 1, negativeBound: 2, quantizer: "paper" }), BoundError);
});

test("a shape that does not hold the values is a ShapeError", () => {
  for (const shape of [[2], [4], [3.5], [-3], [1, 1, 1, 1, 1, 1, 1, 1, 3]]) {
    assert.throws(() => encode(new Float32Array(3), { bound: 1, shape }), ShapeError);
  }
});

test("frames and values into the caller's arrays; too small a one stays as it is", () => {
  const x = Float32Array.from({ length: 500 }, (_, i) => Math.cos(i / 9));
  const options = { bound: 1e-3 };
  const frame = encode(x, options);
  const target = new Uint8Array(frameCapacity(x.length));
  assert.deepEqual(encodeInto(x, target, options), { read: x.length, written: frame.length });
  assert.deepEqual(target.slice(0, frame.length), frame);
  const values = new Float32Array(600);
  assert.deepEqual(decodeInto(frame, values), { read: frame.length, written: 500 });
  assert.deepEqual(values.slice(0, 500), decode(frame));
  const small = new Float32Array(499).fill(7);
  assert.throws(() => decodeInto(frame, small), ShapeError);
  assert.throws(() => encodeInto(x, new Uint8Array(10), options), ShapeError);
  assert.ok(small.every((value) => value === 7));
});

test("encodeInto a target that just suffices gives encode's frame; one byte less is an error and stays as it is", () => {
  const x = Float32Array.from({ length: 150_000 }, (_, i) => Math.cos(i / 9) * (1 + (i % 7)));
  // A short frame stays in the codec's memory; most of a lossless one does not.
  for (const options of [{ bound: 1e-2, mode: "dense" }, { bound: 1e-2 }, { lossless: true }] as const) {
    const frame = encode(x, options);
    assert.ok(frame.length < frameCapacity(x.length));
    const target = new Uint8Array(frame.length);
    assert.deepEqual(encodeInto(x, target, options), { read: x.length, written: frame.length });
    assert.deepEqual(target, frame);
    const less = new Uint8Array(frame.length - 1).fill(7);
    assert.throws(() => encodeInto(x, less, options), /encodeInto target: expected room for/);
    assert.ok(less.every((byte) => byte === 7));
    assert.ok(decode(frame).every((value, i) => Math.abs(value - x[i]!) < 1e-2));
  }
});

test("a numcodecs-style codec takes and gives bytes", () => {
  const x = Float32Array.from({ length: 100 }, (_, i) => i / 3);
  const codec = numcodec({ bound: 0.01 });
  assert.equal(codec.id, "comet-ts");
  const back = codec.decode(codec.encode(new Uint8Array(x.buffer)));
  assert.deepEqual(back, new Uint8Array(decode(encode(x, { bound: 0.01 })).buffer));
});

test("relative is a share of the range, and no range is lossless", () => {
  const x = Float32Array.of(-3, 1, Number.NaN, 5, Number.POSITIVE_INFINITY);
  assert.equal(inspect(encode(x, { relative: 0.25 })).bound, 2);
  assert.equal(inspect(encode(new Float32Array(9).fill(4), { relative: 0.25 })).quantizer, "lossless");
  assert.throws(() => encode(x, { relative: 0.1, bound: 1 }), BoundError);
  assert.throws(() => encode(x, {}), BoundError);
});

test("a tensor larger than a window gives the same frame as one that lies in memory", () => {
  const x = Float32Array.from({ length: 1_300_003 }, (_, i) => ((i * 7919) % 4099) / 64 + (i % 61));
  for (const options of [
    { bound: 0.05, mode: "fast" },
    { bound: 0.05, mode: "dense", shape: [1_300_003] },
    { bound: 0.5, quantizer: "dithered", mode: "auto", seed: 4 },
  ] as const) {
    const frame = encode(x, options);
    assert.ok(Buffer.compare(frame, resident.encode(x, options)) === 0);
    keeps(x, decode(frame), options);
  }
});

test("dense mode keeps a few values beyond 16 bits raw, and leaves tensors with many of them to fast mode", () => {
  const shape = [4, 64, 64];
  const smooth = Float32Array.from({ length: 16384 }, (_, i) => (i % 64) + Math.floor(i / 64) / 7);
  const few = smooth.map((value, i) => (i % 1000 === 7 ? value + 1e5 : value));
  const many = smooth.map((value, i) => (i % 10 === 7 ? value + 1e5 : value));
  for (const quantizer of quantizers) {
    for (const [x, mode] of [
      [few, "dense"],
      [many, "fast"],
    ] as const) {
      const options = { bound: 1, shape, quantizer, mode: "dense" } as const;
      const frame = encode(x, options);
      assert.equal(inspect(frame).mode, mode);
      assert.deepEqual(frame, reference.encode(x, options));
      keeps(x, decode(frame), options);
    }
  }
});

test("beside input and output a codec needs its scratch and a window of the tensor", () => {
  assert.equal(scratchBytes, 2 ** 19);
  const memory = new WebAssembly.Memory({ initial: 200, maximum: 65536 });
  const exports = instantiate(memory);
  const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
  const codec = new WasmCodec(exports, memory, scratch);
  const window = scratch + scratchBytes;
  const out = window + 4 * windowLength.dense;
  const capacity = memory.buffer.byteLength - out;
  const x = Float32Array.from({ length: 700_000 }, (_, i) => ((i * 7919) % 4099) / 64 + (i % 61));
  for (const shape of [[x.length], [7, 100, 1000], [100, 10, 700]]) {
    for (const mode of ["fast", "dense"] as const) {
      const bring = (first: number, count: number) => {
        assert.ok(count <= windowLength[mode]);
        new Float32Array(memory.buffer, window, count).set(x.subarray(first, first + count));
        return window - 4 * first;
      };
      const sink = new ResidentSink(memory, out, capacity, windowLength.fast);
      const bytes = codec.run(codec.encodingTo(sink, bring, x, { bound: 0.5, shape, mode }));
      const frame = new Uint8Array(memory.buffer, out, bytes).slice();
      sealHeader(frame, bytes, () => checksum(frame.subarray(8)));
      keeps(x, decode(frame), { bound: 0.5 });
    }
  }
});
