/**
 * A run of the page as the folder that `comet train` would have written: `comet replay` computes it again.
 *
 *   NAME/manifest.json   NAME/metrics.jsonl   NAME/weights.safetensors   NAME/data/…   only for the visitor's own images
 */
import type { Session, TrainRecord } from "../../../src/browser.js";
import { encodeSafetensors, type NamedTensor } from "../../../src/files/safetensors-bytes.js";
import type { Manifest } from "../../../src/runs/manifest.js";
import { hashWeights } from "../../../src/training/weights-hash.js";
import type { OwnFiles } from "./messages.js";

export interface ExportedRun {
  session: Session;
  records: readonly TrainRecord[];
  started: Date;
  version: string;
  own: OwnFiles | null;
  status: "done" | "interrupted";
}

/** Batch normalisation's count of batches is a whole number for PyTorch. */
const isCount = (name: string): boolean => name.endsWith("num_batches_tracked");

export function manifestOf({ session, records, started, version, own, status }: ExportedRun): Manifest {
  const { settings, dataset, engine, model } = session;
  const { name, hash, train, test } = dataset;
  const steps = records.filter(({ kind }) => kind === "step").length;
  const epochs = records.filter((record) => record.kind === "epoch");
  return {
    version: 1,
    id: `${settings.model}-${settings.store}-b${settings.batch}-s${settings.seed}`,
    versions: { comet: version, node: navigator.userAgent, arch: "browser" },
    profile: engine.device.profile,
    threads: engine.kernels.threads,
    settings,
    data: {
      ...{ name, hash, train: train.length, test: test.length },
      ...{ source: own ? "data" : "fashion-mnist", image: 224, skipBad: false },
    },
    measured: { probeEvery: 0, auditEvery: 0 },
    checkpointEvery: null,
    started: started.toISOString(),
    ended: new Date().toISOString(),
    status,
    error: null,
    steps,
    testAccuracy: epochs.at(-1)?.testAccuracy ?? null,
    weights: hashWeights(model),
    residentPeakBytes: 0,
  };
}

/** The folder's name, and its files by their paths, which begin with that name. */
export interface RunFiles {
  name: string;
  files: Record<string, Uint8Array>;
}

export function exportRun(run: ExportedRun): RunFiles {
  const manifest = manifestOf(run);
  const tensors = [...run.session.model.state()].map(([name, { shape, data }]): [string, NamedTensor] => [
    name,
    { shape, data: data.slice(), type: isCount(name) ? "I64" : "F32" },
  ]);
  const text = (content: string) => new TextEncoder().encode(content);
  const files: Record<string, Uint8Array> = {
    [`${manifest.id}/manifest.json`]: text(`${JSON.stringify(manifest, null, 2)}\n`),
    [`${manifest.id}/metrics.jsonl`]: text(
      run.records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    ),
    [`${manifest.id}/weights.safetensors`]: encodeSafetensors(tensors),
  };
  for (const [name, bytes] of run.own ?? []) files[`${manifest.id}/data/${name}`] = bytes;
  return { name: manifest.id, files };
}
