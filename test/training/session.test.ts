/** What a caller of the library brings in place of what the settings name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { law } from "../../src/comet/policies/law.js";
import { randomImages } from "../../src/data/random.js";
import { createEngine } from "../../src/engine/engine.js";
import { PlainStore } from "../../src/engine/store.js";
import { UsageError } from "../../src/error.js";
import { type Builder, Flatten, Linear, Sequential } from "../../src/nn/index.js";
import { evaluate } from "../../src/training/evaluation.js";
import { train } from "../../src/training/loop.js";
import { createSession, type SessionParts } from "../../src/training/session.js";

const dataset = { ...randomImages(32, 8), test: randomImages(8, 8).train };
const network = (b: Builder) => new Sequential([new Flatten(), new Linear(b, 3 * 8 * 8, 10)]);
const settings = { batch: 16, threads: 1, memory: "64MiB" };

test("a network, a store and an engine of the caller's own take the place of those named", async () => {
  const engine = createEngine({ memory: "16MiB", threads: 1 });
  const store = new PlainStore();
  const session = createSession(settings, dataset, { network, store, engine });
  assert.equal(session.engine, engine);
  assert.equal(engine.store, store);
  const names = Array.from(session.model.allParameters(), ({ name }) => name);
  assert.deepEqual(names, ["1.weight", "1.bias"]);
  assert.equal((await train(session)).steps, 2);
  await session.close();
  assert.ok(Number.isFinite((await evaluate(session, dataset.test)).loss), "the engine stays open");
});

test("a policy rules the stores that have bounds", async () => {
  const seen: number[] = [];
  const policy = {
    ...law,
    assign: (sites: Parameters<typeof law.assign>[0]) => {
      seen.push(sites.length);
      return law.assign(sites);
    },
  };
  for (const store of ["comet", "comet-conv"] as const) {
    const session = createSession({ ...settings, store }, dataset, { network, policy });
    assert.equal(session.engine.store.name, store);
    await train(session);
    await session.close();
  }
  assert.ok(seen.length > 0 && seen.every((sites) => sites > 0));
});

for (const [what, store, parts, got] of [
  ["another store", "plain", {}, /settings.store plain/],
  ["a store of the caller's own", "comet", { store: new PlainStore() }, /a store of your own as well/],
] as const satisfies readonly (readonly [string, string, SessionParts, RegExp])[]) {
  test(`a policy beside ${what} is refused, not ignored`, () => {
    assert.throws(
      () => createSession({ ...settings, store }, dataset, { ...parts, network, policy: law }),
      (error: Error) =>
        error instanceof UsageError &&
        /createSession, policy: expected settings.store comet-conv or comet/.test(error.message) &&
        got.test(error.message),
    );
  });
}

test("a hook sees every tensor that a step saves, with its values, beside the step's own count of bytes", async () => {
  const session = createSession({ ...settings, store: "plain" }, dataset, { network });
  let [bytes, values] = [0, 0];
  const perStep: number[] = [];
  await train(session, {
    onPack({ packed, tensor }) {
      bytes += packed.bytes;
      values += tensor!.data.length;
    },
    onStep(record) {
      assert.equal(bytes, record.packedBytes);
      assert.equal(4 * values, bytes);
      perStep.push(bytes);
      [bytes, values] = [0, 0];
    },
  });
  assert.equal(perStep.length, 2);
  assert.ok(perStep[0]! > 0);
  await session.close();
});
