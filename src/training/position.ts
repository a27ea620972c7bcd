/** Where a run stands, and how many steps it has. */
import type { Settings } from "./settings.js";

/** `batch` batches of `epoch` are done. The evaluation after the epoch's last batch is not. */
export interface Position {
  epoch: number;
  batch: number;
}

/** The number of steps of a run over so many training images. */
export function totalSteps({ epochs, batch, steps }: Settings, images: number): number {
  const all = epochs * Math.ceil(images / batch);
  return steps > 0 ? Math.min(steps, all) : all;
}

/** The number of steps after which it ends: all of them, or `stopAfter`. */
export function endOf(settings: Settings, images: number): number {
  const total = totalSteps(settings, images);
  return settings.stopAfter > 0 ? Math.min(settings.stopAfter, total) : total;
}

/** The number of steps that are done at a position. */
export const stepsDone = ({ epoch, batch }: Position, settings: Settings, images: number): number =>
  epoch * Math.ceil(images / settings.batch) + batch;
