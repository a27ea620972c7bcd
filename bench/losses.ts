/**
 * `npm run bench -- losses [--model M] [--data NAME|PATH] [--image SIZE] [--batch N] [--steps N] [--lr RATE] [--warmup N]
 * [--init NAME] [--threads N] [--profile NAME] [--memory BYTES] [--stores LIST] [--json]`
 *
 * Trains a network from the same first weights and on the same batches under each store, without evaluation, and prints the
 * mean loss of the first and of the last tenth of the steps. A store that fails is a row with its reason.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { specificationOf } from "../src/cli/compare/specification.js";
import type { Dataset } from "../src/data/dataset.js";
import { openDataset } from "../src/data/open.js";
import { CometError } from "../src/error.js";
import { modelNamed } from "../src/models/models.js";
import { Summarizer, type Summary } from "../src/runs/summary.js";
import { train } from "../src/training/loop.js";
import { createSession } from "../src/training/session.js";
import { defaults, type Settings } from "../src/training/settings.js";

export interface Trained {
  store: string;
  /** Null for a store that failed. */
  summary: Summary | null;
  /** Empty for one that did not. */
  failure: string;
}

export async function trainedUnder(store: string, settings: Settings, dataset: Dataset): Promise<Trained> {
  const { own } = specificationOf(store);
  const test = { ...dataset.test, length: 0, batch() {} };
  const session = createSession({ ...settings, ...own }, { ...dataset, test });
  const summarizer = new Summarizer();
  try {
    await train(session, { onRecord: (record) => summarizer.add(record) });
    return { store, summary: summarizer.summary, failure: "" };
  } catch (error) {
    if (!(error instanceof CometError)) throw error;
    return { store, summary: null, failure: error.message };
  } finally {
    await session.close();
  }
}

const all =
  "plain,comet,comet-conv,recompute,offload,actnn,actnn:actnn-level=L2,blpa,division,gact,acgc,acgc:acgc-zeros=true,gist,gist:gist-format=fp8,jpeg-act,jpeg-base";

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "resnet20" },
      data: { type: "string", default: "cifar10" },
      image: { type: "string", default: "224" },
      batch: { type: "string", default: "32" },
      steps: { type: "string", default: "200" },
      lr: { type: "string" },
      warmup: { type: "string", default: "0" },
      init: { type: "string", default: defaults.init },
      threads: { type: "string", default: "1" },
      profile: { type: "string", default: defaults.profile },
      memory: { type: "string", default: "3GiB" },
      stores: { type: "string", default: all },
      json: { type: "boolean", default: false },
    },
  });
  const { model, data, memory } = values;
  const [size, batch, steps, threads] = [values.image, values.batch, values.steps, values.threads].map(
    Number,
  ) as [number, number, number, number];
  const dataset = await openDataset(data, { size });
  const rows: Trained[] = [];
  try {
    const lr = values.lr === undefined ? modelNamed(model).lr : Number(values.lr);
    const warmup = Number(values.warmup);
    // createSession refuses names that it does not know.
    const { init, profile } = values as Pick<Settings, "init" | "profile">;
    const course = { model, batch, steps, epochs: steps, lr, warmup, init };
    const settings: Settings = { ...defaults, ...course, threads, memory, profile };
    for (const store of values.stores.split(",")) {
      const row = await trainedUnder(store, settings, dataset);
      const { losses, convRatio } = row.summary ?? { losses: null, convRatio: null };
      const told = losses ? `loss ${losses.start.toFixed(3)} → ${losses.end.toFixed(3)}` : row.failure;
      console.error(`${store}: ${told}, conv inputs ${convRatio?.toFixed(2) ?? "–"}`);
      rows.push(row);
    }
  } finally {
    await dataset.close();
  }
  if (values.json) {
    console.log(JSON.stringify(rows));
    return;
  }
  const table = new Table({
    head: ["store", "loss at the start", "at the end", "conv inputs", "failure"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "left"],
  });
  for (const { store, summary, failure } of rows) {
    const { losses, convRatio } = summary ?? { losses: null, convRatio: null };
    const ratio = convRatio === null ? "–" : `${convRatio.toFixed(2)}x`;
    table.push([store, losses?.start.toFixed(3) ?? "–", losses?.end.toFixed(3) ?? "–", ratio, failure]);
  }
  console.log(`${model}, batch ${batch}, ${dataset.name}, ${steps} steps\n${table}`);
}
