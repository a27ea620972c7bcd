/**
 * `npm run bench -- stores [--model M] [--data NAME|PATH] [--image SIZE] [--batch N] [--warm N] [--steps N]
 * [--stores LIST] [--json]`
 *
 * Trains plainly for a few steps. Then it runs some more steps under each store on one thread, with the resulting weights
 * left as they are, and prints the time of packing, unpacking and recomputing in nanoseconds for each value that the plain
 * store would keep, beside COMET's. It is the processor's time, not the clock's, and that of the fastest step, because
 * other programs can only slow a step down.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { specificationOf } from "../src/cli/compare/specification.js";
import type { Dataset } from "../src/data/dataset.js";
import { openDataset } from "../src/data/open.js";
import { CometError } from "../src/error.js";
import { modelNamed } from "../src/models/models.js";
import type { Module } from "../src/nn/index.js";
import { stopwatch, totalMs } from "../src/stores/stopwatch.js";
import { train } from "../src/training/loop.js";
import { createSession } from "../src/training/session.js";
import { defaults, type Settings } from "../src/training/settings.js";

export interface StoreTime {
  store: string;
  /** Of packing, unpacking and recomputing in the fastest step, for each value that the plain store keeps. */
  nanoseconds: number;
  /** The same as a share of that step's time. */
  share: number;
  /** Saved bytes at the peak for each value. */
  bytes: number;
}

/** The processor's time that this process has had. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** All numbers of a network: weights and running statistics. */
const arraysOf = (model: Module): Float32Array[] => [
  ...[...model.allParameters()].map(({ value }) => value.data),
  ...[...model.modules()].flatMap(({ buffers }) => Object.values(buffers).map(({ data }) => data)),
];

/** A store that fails is told on stderr and left out. */
export async function storeTimes(
  stores: readonly string[],
  settings: Settings,
  dataset: Dataset,
  warm: number,
): Promise<StoreTime[]> {
  const silent: Dataset = { ...dataset, test: { ...dataset.test, length: 0, batch() {} } };
  let weights: Float32Array[] = [];
  let values = 0;
  const plain = createSession({ ...settings, store: "plain", steps: warm, epochs: warm }, silent);
  try {
    await train(plain, {
      onRecord(record) {
        if (record.kind === "step") values = record.rawBytes / 4;
      },
    });
    weights = arraysOf(plain.model).map((array) => array.slice());
  } finally {
    await plain.close();
  }
  const rows: StoreTime[] = [];
  for (const store of stores) {
    try {
      rows.push(await timed(store, settings, silent, weights, values));
    } catch (error) {
      if (!(error instanceof CometError)) throw error;
      console.error(`${store}: ${error.message}`);
    }
  }
  return rows;
}

async function timed(
  store: string,
  settings: Settings,
  dataset: Dataset,
  weights: readonly Float32Array[],
  values: number,
): Promise<StoreTime> {
  const { own } = specificationOf(store);
  const course = { lr: 0, schedule: "constant", epochs: settings.steps } as const;
  const session = createSession({ ...settings, ...course, ...own }, dataset);
  const elapsed = stopwatch(session.engine.store, processorMs);
  const row: StoreTime = { store, nanoseconds: Number.POSITIVE_INFINITY, share: 0, bytes: 0 };
  try {
    for (const [i, array] of arraysOf(session.model).entries()) array.set(weights[i]!);
    let [before, began] = [0, processorMs()];
    await train(session, {
      onRecord(record) {
        if (record.kind !== "step") return;
        const ms = totalMs(elapsed()) - before;
        const stepMs = processorMs() - began;
        before += ms;
        began += stepMs;
        const nanoseconds = (1e6 * ms) / values;
        // The first steps come before bounds are known and before the code is compiled.
        if (record.step < 2 || nanoseconds >= row.nanoseconds) return;
        Object.assign(row, { nanoseconds, share: ms / stepMs, bytes: record.savedPeakBytes / values });
      },
    });
    return row;
  } finally {
    await session.close();
  }
}

const all =
  "comet,comet-conv,recompute,actnn,actnn:actnn-level=L2,blpa,division,gact,acgc,acgc:acgc-zeros=true,gist,gist:gist-format=fp8,jpeg-act,jpeg-base";

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "resnet20" },
      data: { type: "string", default: "fashion-mnist" },
      image: { type: "string", default: "224" },
      batch: { type: "string", default: "16" },
      warm: { type: "string", default: "40" },
      steps: { type: "string", default: "10" },
      stores: { type: "string", default: all },
      json: { type: "boolean", default: false },
    },
  });
  const { model, data } = values;
  const [size, batch, warm, steps] = [values.image, values.batch, values.warm, values.steps].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const dataset = await openDataset(data, { size });
  try {
    const { lr } = modelNamed(model);
    const settings: Settings = { ...defaults, model, batch, steps, lr, threads: 1 };
    const rows = await storeTimes(values.stores.split(","), settings, dataset, warm);
    if (values.json) {
      console.log(JSON.stringify(rows));
      return;
    }
    const table = new Table({
      head: ["store", "ns a value", "÷ the first", "share of the step", "saved bytes a value"],
      style: { head: [], border: [] },
      colAligns: ["left", "right", "right", "right", "right"],
    });
    for (const { store, nanoseconds, share, bytes } of rows) {
      const ratio = nanoseconds / rows[0]!.nanoseconds;
      const cells = [
        nanoseconds.toFixed(2),
        ratio.toFixed(2),
        `${(100 * share).toFixed(0)} %`,
        bytes.toFixed(2),
      ];
      table.push([store, ...cells]);
    }
    console.log(`${model}, batch ${batch}, ${dataset.name}, after ${warm} plain steps, one thread\n${table}`);
  } finally {
    await dataset.close();
  }
}
