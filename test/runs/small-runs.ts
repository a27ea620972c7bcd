/** Runs of a few steps on a few images of noise. */

import type { Dataset } from "../../src/data/dataset.js";
import { pixelSplit } from "../../src/data/pixels.js";
import { createRng } from "../../src/rng.js";
import type { RunState } from "../../src/runs/state.js";
import type { Position } from "../../src/training/position.js";
import type { TrainRecord } from "../../src/training/records.js";
import { createSession, type Session } from "../../src/training/session.js";
import { defaults, type Settings } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";

/** 20 images of noise, moved and mirrored when trained on: five batches of four an epoch. */
export function noise(height: number, width = height): Dataset {
  const rng = createRng(seed);
  const channels = 3;
  const split = (length: number) => {
    const data = Uint8Array.from({ length: length * channels * height * width }, () => rng.integer(0, 255));
    const labels = Uint8Array.from({ length }, () => rng.integer(0, 3));
    const normalization = { mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3], range: 1, order: "rgb" } as const;
    return pixelSplit({ data, labels, channels, height, width }, normalization, { pad: 2, mirror: true });
  };
  const [classes, hash] = [["a", "b", "c", "d"], "00ff"];
  const close = async () => {};
  return {
    name: "noise",
    classes,
    channels,
    height,
    width,
    train: split(20),
    test: split(8),
    hash,
    skipped: [],
    close,
  };
}

export const dataset = noise(16);
/** Five batches an epoch; the last epoch is cut short. */
export const small: Settings = {
  ...defaults,
  model: "lenet",
  batch: 4,
  epochs: 3,
  steps: 13,
  lr: 0.02,
  threads: 1,
};

export async function within<T>(
  settings: Settings,
  use: (session: Session) => Promise<T>,
  on: Dataset = dataset,
): Promise<T> {
  const session = createSession(settings, on);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

/** What a checkpoint tells of a run, besides its position, where that matters to nobody. */
export const state = (position: Position): RunState => ({
  position,
  log: { bytes: 10_000, sha256: "" },
  skipped: [],
  seconds: 0,
  residentPeakBytes: 0,
});

/** Without what no clock tells twice. */
export const timeless = (records: readonly TrainRecord[]) =>
  records.map((record) => ({ ...record, ms: undefined, seconds: undefined }));
