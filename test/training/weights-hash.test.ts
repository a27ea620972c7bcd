/** The fingerprint is the SHA-256 of names and bytes, and needs no copy of a whole tensor. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import { build, Linear, name } from "../../src/nn/index.js";
import { hashWeights } from "../../src/training/weights-hash.js";

test("a large tensor is hashed in pieces", (t) => {
  const engine = createEngine({ memory: "16MiB" });
  const model = name(new Linear(build(engine, 1), 1500, 700));
  const expected = createHash("sha256");
  for (const [name, { data }] of model.state()) {
    expected.update(name);
    expected.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
  }
  const copies: number[] = [];
  const { slice } = Uint8Array.prototype;
  t.mock.method(Uint8Array.prototype, "slice", function (this: Uint8Array, ...range: [number?, number?]) {
    const copy = slice.apply(this, range);
    copies.push(copy.length);
    return copy;
  });
  assert.equal(hashWeights(model), expected.digest("hex"));
  assert.ok(copies.length > 4 && copies.every((bytes) => bytes <= 2 ** 20), `${copies}`);
});
