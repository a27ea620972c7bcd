/**
 * `npm run bench -- policies [--model M] [--data NAME|PATH] [--image SIZE] [--batch N] [--steps N] [--json]`
 *
 * Trains with policy `spread`. Then it backpropagates a few batches at the resulting weights, with the bounds
 * that `spread` and `law` derive from the same collection. It prints the bytes of the frames, all saved bytes
 * at the peak, and the total relative gradient noise ρ, measured by probes and predicted. Both policies aim
 * at the same noise for the collected step; the last row compares them at the same measured noise.
 */

import { parseArgs } from "node:util";
import Table from "cli-table3";
import { relativeNoise } from "../src/comet/budget/cost.js";
import type { CometStore } from "../src/comet/store.js";
import type { Dataset } from "../src/data/dataset.js";
import { openDataset } from "../src/data/open.js";
import { formatBytes } from "../src/device/ledger.js";
import { Tensor } from "../src/engine/tensor.js";
import { modelNamed } from "../src/models/models.js";
import { isPredicted, probe } from "../src/stores/probe.js";
import { loadBatch, lossOf } from "../src/training/evaluation.js";
import { train } from "../src/training/loop.js";
import { createSession, type Session } from "../src/training/session.js";
import { defaults, type Settings } from "../src/training/settings.js";

/** Means over the batches; for ρ, root mean squares. */
export interface PolicyRow {
  policy: string;
  frameBytes: number;
  savedBytes: number;
  measured: number;
  predicted: number;
}

const batches = 4;
const draws = 4;

/** Trains for `settings.steps` steps, then compares the policies on batches of training images. */
export async function comparePolicies(settings: Settings, dataset: Dataset): Promise<PolicyRow[]> {
  const test = { ...dataset.test, length: 0, batch() {} };
  const session = createSession({ ...settings, policy: "spread" }, { ...dataset, test });
  try {
    await train(session);
    session.model.train(true);
    session.engine.recording = true;
    const law = await under("law", session, 0);
    const spread = await under("spread", session, 1);
    // ρ is proportional to the bounds.
    const equal = await under("spread, at law's ρ", session, law.measured / spread.measured);
    return [law, spread, equal];
  } finally {
    await session.close();
  }
}

/** Measures with the plan's bounds multiplied by `factor`. */
async function under(policy: string, session: Session, factor: number): Promise<PolicyRow> {
  const { engine, model, settings, dataset } = session;
  const comet = engine.store as CometStore;
  const { controller } = comet;
  const { ledger } = engine.device;
  controller.plan!.factor = factor;
  let [frameBytes, savedBytes, measured, predicted] = [0, 0, 0, 0];
  for (let i = 0; i < batches; i++) {
    const indices = Uint32Array.from(
      { length: settings.batch },
      (_, k) => ((i * settings.batch + k) * 37) % dataset.train.length,
    );
    const { images, labels } = await loadBatch(session, dataset.train, indices, null);
    ledger.resetPeak();
    const before = ledger.live.saved;
    const again = (x: Tensor) => Tensor.from(engine, x.data, x.shape);
    let passes = 0;
    let bytes = 0;
    comet.onPack = ({ packed }) => {
      if (packed.kind === "frame") bytes += packed.bytes;
    };
    const forward = () => {
      // The last pass computes exact gradients without the store.
      passes++;
      if (passes === draws + 1) savedBytes += (ledger.peak.saved - before) / batches;
      return lossOf(session, again(images), again(labels));
    };
    const rows = probe(engine, model, forward, draws).filter(isPredicted);
    frameBytes += bytes / draws / batches;
    const squareOf = (sigma: "measured" | "predicted") =>
      relativeNoise(controller.sites.values(), new Map(rows.map((row) => [row.parameter, row[sigma]]))) ** 2;
    measured += squareOf("measured") / batches;
    predicted += squareOf("predicted") / batches;
    images.dispose();
    labels.dispose();
  }
  comet.onPack = null;
  const { share } = controller;
  return {
    policy,
    frameBytes,
    savedBytes,
    measured: share * Math.sqrt(measured),
    predicted: share * Math.sqrt(predicted),
  };
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "resnet8" },
      data: { type: "string", default: "fashion-mnist" },
      image: { type: "string", default: "96" },
      batch: { type: "string", default: "32" },
      steps: { type: "string", default: "21" },
      json: { type: "boolean", default: false },
    },
  });
  const { model, data } = values;
  const [size, batch, steps] = [values.image, values.batch, values.steps].map(Number) as [
    number,
    number,
    number,
  ];
  const dataset = await openDataset(data, { size });
  try {
    const { lr } = modelNamed(model);
    const rows = await comparePolicies({ ...defaults, model, batch, steps, epochs: steps, lr }, dataset);
    if (values.json) {
      console.log(JSON.stringify(rows));
      return;
    }
    const table = new Table({
      head: ["policy", "frames", "÷ law", "all saved", "ρ measured", "÷ law", "ρ predicted"],
      style: { head: [], border: [] },
      colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    });
    const law = rows[0]!;
    for (const row of rows) {
      table.push([
        row.policy,
        formatBytes(row.frameBytes),
        (row.frameBytes / law.frameBytes).toFixed(3),
        formatBytes(row.savedBytes),
        row.measured.toExponential(2),
        (row.measured / law.measured).toFixed(3),
        row.predicted.toExponential(2),
      ]);
    }
    console.log(`${model}, batch ${batch}, ${dataset.name}, after ${steps} steps\n${table}`);
  } finally {
    await dataset.close();
  }
}
