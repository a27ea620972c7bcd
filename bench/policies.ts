/**
 * `npm run bench -- policies [--model M] [--data NAME|PATH] [--image SIZE] [--batch N] [--steps N] [--json]`
 *
 * Runs of the same seed under `law`, under `spread` (as much noise in all as `law` accepts, in the fewest bytes), and under
 * `budget` with the bytes that `law` took: saved bytes at the peak of a step, the mean over the last half of the steps, and total relative
 * gradient noise ρ, measured by probes of four steps of that half and predicted for these.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { relativeNoise } from "../src/comet/cost.js";
import type { Dataset } from "../src/data/dataset.js";
import { openDataset } from "../src/data/open.js";
import { formatBytes } from "../src/device/ledger.js";
import { modelNamed } from "../src/models/models.js";
import { createSession, defaults, type Settings } from "../src/session.js";
import { train } from "../src/train.js";

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
const rootMeanSquare = (values: readonly number[]): number => Math.sqrt(mean(values.map((v) => v * v)));

export interface PolicyRow {
  policy: string;
  savedBytes: number;
  mostBytes: number;
  measured: number;
  predicted: number;
  loss: number;
}

/** The last half of a run. */
export async function measurePolicy(settings: Settings, dataset: Dataset): Promise<PolicyRow> {
  const { steps, policy } = settings;
  const half = steps >> 1;
  const [saved, losses, measured, predicted] = [[], [], [], []] as [number[], number[], number[], number[]];
  const session = createSession(settings, { ...dataset, test: { ...dataset.test, length: 0, batch() {} } });
  try {
    await train(session, {
      probeAt: (step) => step >= half && (step - half) % Math.ceil(half / 4) === 0,
      onRecord(record) {
        if (record.kind === "step" && record.step >= half) {
          saved.push(record.savedPeakBytes);
          losses.push(record.loss);
        }
        if (record.kind !== "probe") return;
        const { controller } = session.comet!;
        const of = (sigma: "measured" | "predicted") => {
          const sigmas = new Map(record.rows.map((row) => [row.parameter, row[sigma]]));
          return controller.share * relativeNoise(controller.sites.values(), sigmas);
        };
        measured.push(of("measured"));
        predicted.push(of("predicted"));
      },
    });
  } finally {
    await session.close();
  }
  return {
    policy,
    savedBytes: mean(saved),
    mostBytes: Math.max(...saved),
    measured: rootMeanSquare(measured),
    predicted: rootMeanSquare(predicted),
    loss: mean(losses),
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
      steps: { type: "string", default: "40" },
      json: { type: "boolean", default: false },
    },
  });
  const { model, data } = values;
  const [image, batch, steps] = [values.image, values.batch, values.steps].map(Number) as [
    number,
    number,
    number,
  ];
  const dataset = await openDataset(data, { size: image });
  const { lr } = modelNamed(model);
  const settings = { ...defaults, model, batch, steps, epochs: steps, lr };
  const rows: PolicyRow[] = [];
  try {
    for (const policy of ["law", "spread"] as const) {
      rows.push(await measurePolicy({ ...settings, policy }, dataset));
    }
    const savedBytes = `${Math.round(rows[0]!.savedBytes)}`;
    rows.push(await measurePolicy({ ...settings, policy: "budget", savedBytes }, dataset));
  } finally {
    await dataset.close();
  }
  if (values.json) {
    console.log(JSON.stringify(rows));
    return;
  }
  const table = new Table({
    head: ["policy", "saved, mean", "most", "÷ law", "ρ measured", "÷ law", "ρ predicted", "loss"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
  });
  const [law] = rows;
  for (const row of rows) {
    table.push([
      row.policy,
      formatBytes(row.savedBytes),
      formatBytes(row.mostBytes),
      (row.savedBytes / law!.savedBytes).toFixed(3),
      row.measured.toExponential(2),
      (row.measured / law!.measured).toFixed(3),
      row.predicted.toExponential(2),
      row.loss.toFixed(3),
    ]);
  }
  console.log(`${model}, batch ${batch}, ${dataset.name}, last ${steps - (steps >> 1)} of ${steps} steps`);
  console.log(table.toString());
}
