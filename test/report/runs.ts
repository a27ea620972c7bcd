/** Hand-made runs for the report's tests: the shape of real ones, small, and drawn from a fixed seed. */

import { createRng } from "../../src/rng.js";
import type { Manifest } from "../../src/runs/manifest.js";
import type { Run } from "../../src/runs/run.js";
import type { TrainRecord } from "../../src/training/records.js";
import { defaults, type Settings } from "../../src/training/settings.js";

const settings: Settings = { ...defaults, epochs: 3, store: "plain", threads: 1 };

export const manifest = (store: "plain" | "comet", changes: Partial<Manifest> = {}): Manifest => ({
  version: 1,
  id: `2026-11-23-${store}-1`,
  versions: { comet: "0.1.0", node: "v20.20.2", arch: "x64" },
  profile: "strict",
  threads: 1,
  settings: { ...settings, store },
  data: {
    name: "fashion-mnist",
    hash: "dc0289273c8bbcf2",
    train: 10_000,
    test: 2_000,
    source: "fashion-mnist",
    image: 224,
    skipBad: false,
  },
  measured: { probeEvery: 0, auditEvery: 0 },
  checkpointEvery: 0,
  started: "2026-11-23T14:00:00.000Z",
  ended: "2026-11-23T14:01:15.000Z",
  status: "done",
  error: null,
  steps: 0,
  testAccuracy: null,
  weights: "00ff00ff00ff00ff",
  residentPeakBytes: 300e6,
  ...changes,
});

export const layers = ["conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "layer2.0.conv2", "fc"];

export interface Shape {
  steps?: number;
  perEpoch?: number;
  /** Weights a layer of the probes. */
  weights?: number;
  collections?: boolean;
  samples?: boolean;
  probes?: boolean;
  manifest?: Partial<Manifest>;
}

/** A run of one store; a plain one has no records of sites, samples and probes. */
export function makeRun(store: "plain" | "comet", shape: Shape = {}): Run {
  const { steps = 120, perEpoch = 40, weights = 300 } = shape;
  const rng = createRng(store === "plain" ? 1 : 2);
  const normal = () => Array.from({ length: 12 }, () => rng.uniform()).reduce((a, b) => a + b, -6);
  const comet = store === "comet";
  const { collections = comet, samples = comet, probes = comet } = shape;
  const records: TrainRecord[] = [];
  const ratio = comet ? 7 : 1;
  let accuracy: number | null = null;
  for (let step = 0; step < steps; step++) {
    const decay = Math.exp(-step / 40);
    const savedPeakBytes = 21e6 / (comet ? ratio + decay : 1);
    const convRawBytes = comet ? 9e6 : 0;
    records.push({
      kind: "step",
      step,
      epoch: Math.floor(step / perEpoch),
      loss: 0.4 + 1.9 * decay + 0.12 * normal(),
      accuracy: 0.88 - 0.7 * decay + 0.04 * normal(),
      lr: 0.1,
      ms: comet ? 190 : 150,
      savedPeakBytes,
      devicePeakBytes: savedPeakBytes + 9e6,
      audited: comet && step % 25 === 1,
      convRawBytes,
      convPackedBytes: convRawBytes / (ratio + decay),
      rawBytes: 2 * convRawBytes,
      packedBytes: (2 * convRawBytes) / (ratio + decay),
    });
    if (collections && step % 10 === 0) {
      const site = (name: string, depth: number) => ({
        name: `${name}.x`,
        bound: 1e-3 * 2 ** depth * (1 + step / 40),
        acceptedSigma: 1e-5,
        nonZero: depth === 0 ? 0.98 : 0.75 - 0.1 * depth + 0.02 * normal(),
        rawBytes: depth === 3 ? 0 : 3e6,
        packedBytes: depth === 3 ? 0 : 3e6 / (4 + depth + 0.1 * normal()),
      });
      records.push({ kind: "sites", step, sites: layers.map(site) });
    }
    if (comet && step % 25 === 1) {
      records.push({ kind: "audit", step, frames: 7, values: 1e6, worst: 0.999 - step / 1e5, moved: 0 });
    }
    if (probes && step % 40 === 20) {
      const row = (name: string, depth: number) => {
        const predicted = 1e-5 * 3 ** -depth * (1 + 0.02 * normal());
        return {
          parameter: `${name}.weight`,
          bound: 1e-3,
          predicted,
          own: predicted,
          measured: predicted * (1 + 0.03 * normal()),
          draws: 6,
          weights,
          standardized: Array.from({ length: weights }, normal),
        };
      };
      records.push({ kind: "probe", step, rows: layers.map(row) });
    }
    if ((step + 1) % perEpoch === 0) {
      accuracy = 0.85 - 0.6 * decay;
      records.push({
        kind: "epoch",
        epoch: Math.floor(step / perEpoch),
        testLoss: 0.5 + decay,
        testAccuracy: accuracy,
        seconds: 8,
        weights: "00ff00ff00ff00ff",
      });
    }
  }
  if (samples) {
    for (const name of layers.slice(0, 3)) {
      for (let plane = 0; plane < 2; plane++) records.push(sample(name, steps - 1, normal));
    }
  }
  records.push(memory(steps - 1, ratio));
  return {
    path: `runs/${store}`,
    manifest: manifest(store, { steps, testAccuracy: accuracy, ...shape.manifest }),
    // As it comes back from disk.
    records: JSON.parse(JSON.stringify(records)) as TrainRecord[],
  };
}

function sample(name: string, step: number, normal: () => number): TrainRecord {
  const [height, width, bound] = [28, 28, 0.02];
  const original = Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return Math.max(0, Math.sin(x / 4) * Math.cos(y / 5) + 0.05 * normal());
  });
  const wobble = () => Math.max(-0.99, Math.min(0.99, normal() / 2)) * bound;
  const decoded = original.map((value) => (value === 0 ? 0 : value + wobble()));
  return { kind: "sample", step, site: `${name}.x`, bound, height, width, original, decoded };
}

/** Forward fills `saved`, backward empties it. */
function memory(step: number, ratio: number): TrainRecord {
  const timeline = Array.from({ length: 120 }, (_, i) => {
    const full = i < 60 ? i / 60 : Math.max(0, (110 - i) / 50);
    return {
      parameters: 320e3,
      gradients: i > 60 ? 320e3 * Math.min(1, (i - 60) / 50) : 0,
      optimiser: 320e3,
      activations: i < 115 ? 3e6 + 1e6 * (i % 3) : 0,
      saved: (21e6 / ratio) * full,
      workspace: 1.5e6 * (i % 2),
    };
  });
  const rows = (["saved", "activations"] as const).map((category) => ({
    site: "conv1.x",
    category,
    bytes: timeline.map((bytes) => Math.round(bytes[category])),
  }));
  const moment = 60;
  const holders = rows.map(({ bytes, ...row }) => ({ ...row, bytes: bytes[moment]!, blocks: 1 }));
  const bytes = holders.reduce((sum, holder) => sum + holder.bytes, 0);
  const peak = { moment, op: "conv1", bytes, holders };
  return {
    kind: "memory",
    step,
    timeline,
    occupancy: { ops: timeline.map(() => "conv1"), series: rows, peak },
  };
}
