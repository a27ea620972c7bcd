/** COMET with recomputation: fewer bytes, exact statistics and signs, and gradients whose errors stay near the law's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Mask } from "../../src/comet/mask.js";
import { createEngine } from "../../src/engine/engine.js";
import { type Packed, Raw, type SaveRequest } from "../../src/engine/packed.js";
import { backward } from "../../src/engine/tape.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { createRng } from "../../src/rng.js";
import { isPredicted, type ProbeRow } from "../../src/stores/probe.js";
import { train } from "../../src/training/loop.js";
import type { StepRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { Keeping, kindsOf, Network, segmentsFrom } from "../laws/passes.js";
import { noise, small, within } from "../runs/small-runs.js";

async function trained(given: Partial<Settings>) {
  const records: StepRecord[] = [];
  let rows: ProbeRow[] = [];
  const settings = { ...small, model: "resnet20", store: "comet", epochs: 3, steps: 9, ...given } as const;
  const { weights } = await within(
    settings,
    (session) =>
      train(session, {
        onStep: (record) => records.push(record),
        probeAt: (step) => step === 8,
        draws: 4,
        onRecord(record) {
          if (record.kind === "probe") rows = record.rows;
        },
      }),
    noise(16),
  );
  return { weights, last: records.at(-1)!, rows };
}

/** The root of the sum of squares over all weights. */
const total = (rows: readonly ProbeRow[]): number =>
  Math.sqrt(rows.reduce((sum, { measured, weights }) => sum + weights * measured ** 2, 0));

test("it saves less than COMET alone, and the gradients' errors are little larger", async () => {
  const alone = await trained({});
  for (const recompute of ["sqrt", "least"] as const) {
    const { last, rows } = await trained({ recompute });
    assert.ok(
      last.savedPeakBytes < 0.85 * alone.last.savedPeakBytes,
      `${recompute}: ${last.savedPeakBytes} of ${alone.last.savedPeakBytes}`,
    );
    const [larger, smaller] = [total(rows), total(alone.rows)];
    assert.ok(larger < 1.4 * smaller, `${recompute}: ${larger}, alone ${smaller}`);
    // What the law does not know: errors of an entry that pass through convolutions.
    const ratios = rows.filter(isPredicted).map(({ measured, predicted }) => measured / predicted);
    assert.ok(Math.max(...ratios) < 2.5, `${recompute}: ${Math.max(...ratios)}`);
  }
});

test("running statistics are updated once a step", async () => {
  const still = { lr: 0, weightDecay: 0, model: "resnet8" } as const;
  const plain = await trained({ ...still, store: "plain" });
  const both = await trained({ ...still, recompute: "sqrt" });
  assert.equal(both.weights, plain.weights);
});

/** Entries of segments come back with large errors. */
class Erring extends Keeping {
  override pack(x: Tensor, requests: readonly SaveRequest[] = []): Packed {
    if (!requests.some(({ share }) => share < 1)) return new Raw(x.ref);
    const rng = createRng(seed);
    const wrong = x.data.map((value) => value + rng.uniform() - 0.5);
    return new Raw(Tensor.from(x.engine, wrong, x.shape));
  }

  override signsOf(saved: Parameters<Keeping["signsOf"]>[0]): Mask {
    const x = saved.unpack();
    const mask = Mask.ofPositive(x, saved.name);
    x.dispose();
    return mask;
  }
}

test("gradients pass a ReLU of a segment where they passed it in the forward pass", () => {
  const lines = kindsOf("conv", "norm", "relu", "conv", "norm", "relu", "conv", "norm", "relu", "conv");
  const supports = (store: Keeping): Map<string, number[]> => {
    const engine = createEngine({ memory: "8MiB", store });
    const network = new Network(engine);
    const found = new Map<string, number[]>();
    for (const _ of [0, 1]) {
      const loss = network.loss(lines, 3);
      for (const { site, handles } of engine.tape) {
        if (!site.startsWith("relu")) continue;
        const handle = store.share(handles.get("y")!);
        const ones = Tensor.from(engine, new Float32Array(3 * 48).fill(1), [3, 3, 4, 4]);
        const open = store.gate(handle, ones);
        found.set(site, [...open.data]);
        open.dispose();
      }
      backward(loss);
      network.gradients();
    }
    return found;
  };
  const exact = supports(new Keeping("last"));
  assert.deepEqual(supports(new Erring("last", segmentsFrom(0))), exact);
  class Forgetful extends Erring {
    override signsOf() {
      return null as unknown as Mask;
    }
  }
  assert.notDeepEqual(supports(new Forgetful("last", segmentsFrom(0))), exact);
});

test("what knows no segments refuses them", () => {
  for (const [settings, expected] of [
    [{ store: "comet-conv" }, /settings\.recompute.*settings\.store recompute or comet/s],
    [{ quantizer: "paper" }, /settings\.recompute: expected settings\.store recompute/s],
    [{ policy: "spread" }, /settings\.recompute: expected settings\.store recompute/s],
  ] as const) {
    assert.throws(
      () => createSession({ ...small, store: "comet", recompute: "sqrt", ...settings }, noise(16)),
      (error: Error) => error instanceof UsageError && expected.test(error.message),
    );
  }
});
