/** A contribution that is added image by image has the bits of one that is made whole and then added. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { contribute } from "../../src/engine/contribution.js";
import { createEngine } from "../../src/engine/engine.js";
import { sum } from "../../src/engine/gradients.js";
import { Tensor } from "../../src/engine/tensor.js";

/** Three images have less than 4 MiB, all four have more. */
const shape = [4, 300, 1000];
const size = 4 * 300 * 1000;

const values = (step: number) =>
  Float32Array.from({ length: size }, (_, i) => ((i * step) % 101) / 101 - 0.5);

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength);
const same = (a: Float32Array, b: Float32Array): boolean => bytesOf(a).equals(bytesOf(b));

test("the sum, and the mean square of the op's own part", () => {
  const engine = createEngine({ memory: "128MiB" });
  const { ledger } = engine.device;
  const [own, others] = [values(37), values(53)];
  const writes: [first: number, count: number][] = [];
  const write = (gradient: Float32Array, first: number, count: number) => {
    writes.push([first, count]);
    gradient.set(own.subarray((first * size) / 4, ((first + count) * size) / 4));
  };
  const empty = (shape: readonly number[]) => Tensor.empty(engine, shape, "test", "gradients");
  const given = Tensor.from(engine, others, shape);
  const whole = contribute(shape, write, empty, () => null, true);
  assert.equal(whole.meanSquare, null);
  assert.ok(same(whole.gradient.data, own));
  const meanSquare = engine.kernels.sumSquares(whole.gradient.data) / size;
  const added = sum(Tensor.from(engine, others, shape), whole.gradient);

  writes.length = 0;
  ledger.resetPeak();
  const before = ledger.total;
  const parts = contribute(shape, write, empty, () => given, true);
  assert.equal(parts.gradient, given);
  assert.ok(same(parts.gradient.data, added.data));
  assert.equal(parts.meanSquare, meanSquare);
  assert.deepEqual(writes, [
    [0, 3],
    [3, 1],
  ]);
  assert.ok(ledger.peakTotal - before < 2 ** 22, "three images at a time");
});
