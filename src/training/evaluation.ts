/** Loads batches, computes their loss, and evaluates a network on a split. */
import type { Split } from "../data/dataset.js";
import { Tensor } from "../engine/tensor.js";
import { crossEntropy } from "../ops/loss.js";
import type { Rng } from "../rng.js";
import type { Session } from "./session.js";

export interface Batch {
  images: Tensor;
  labels: Tensor;
}

/** The images of a split that `indices` name, on the device. Throws what `split.batch` throws, and then keeps nothing. */
export async function loadBatch(
  { engine, dataset }: Session,
  split: Split,
  indices: Uint32Array,
  augmentation: Rng | null,
): Promise<Batch> {
  const { channels, height, width } = dataset;
  const images = Tensor.empty(engine, [indices.length, channels, height, width], "images");
  const labels = Tensor.empty(engine, [indices.length], "labels");
  try {
    await split.batch(indices, images.data, labels.data, augmentation);
  } catch (cause) {
    for (const tensor of [images, labels]) tensor.dispose();
    throw cause;
  }
  return { images, labels };
}

/** The number of images whose label has the highest score, and is among the five highest. */
interface Seen {
  right: number;
  rightOfFive: number;
}

/** The mean loss of a batch, on the tape. Consumes both. Adds to `seen`. */
export function lossOf(
  { model, settings }: Session,
  images: Tensor,
  labels: Tensor,
  seen: Seen = { right: 0, rightOfFive: 0 },
): Tensor {
  const logits = model.forward(images);
  for (const rank of ranks(logits, labels)) {
    if (rank < 1) seen.right++;
    if (rank < 5) seen.rightOfFive++;
  }
  return crossEntropy(logits, labels, { smoothing: settings.smoothing });
}

/** The rank of each row's label among its scores, from 0. Equal scores rank in the order of the classes, and NaN last. */
function ranks(logits: Tensor, labels: Tensor): number[] {
  const [values, wanted] = [logits.data, labels.data];
  const classes = logits.shape[1]!;
  return Array.from(wanted, (label, row) => {
    const scores = values.subarray(row * classes, (row + 1) * classes);
    const own = scores[label]!;
    let before = 0;
    for (let j = 0; j < classes; j++) {
      const behind = scores[j]! < own || (scores[j] === own && j >= label);
      if (!behind && j !== label) before++;
    }
    return before;
  });
}

export interface Evaluation {
  /** The mean over the images. */
  loss: number;
  /** The share of the images whose label has the highest score. */
  accuracy: number;
  /** The share of the images whose label is among the five highest scores. */
  accuracyOfFive: number;
}

/** Turns to running statistics and away from the tape, until the returned function is called. */
export function suspendTraining({ engine, model }: Pick<Session, "engine" | "model">): () => void {
  const { recording } = engine;
  const { training } = model;
  engine.recording = false;
  model.train(false);
  return () => {
    engine.recording = recording;
    model.train(training);
  };
}

/**
 * The loss and the accuracy over a split, with running statistics and without the tape. Nothing of the session changes.
 * Each of the figures is NaN for a split without images.
 */
export async function evaluate(session: Session, split: Split): Promise<Evaluation> {
  const { settings } = session;
  const resume = suspendTraining(session);
  try {
    return await evaluated(session, split, settings.batch);
  } finally {
    resume();
  }
}

async function evaluated(session: Session, split: Split, batch: number): Promise<Evaluation> {
  const seen = { right: 0, rightOfFive: 0 };
  let loss = 0;
  const indices = (start: number) =>
    Uint32Array.from({ length: Math.min(batch, split.length - start) }, (_, i) => start + i);
  for (let start = 0; start < split.length; start += batch) {
    const { images, labels } = await loadBatch(session, split, indices(start), null);
    const next = start + batch;
    if (next < split.length) split.prepare?.(indices(next), null);
    const n = labels.size;
    const mean = lossOf(session, images, labels, seen);
    loss += mean.data[0]! * n;
    mean.dispose();
  }
  const share = (count: number) => count / split.length;
  return {
    loss: share(loss),
    accuracy: share(seen.right),
    accuracyOfFive: share(seen.rightOfFive),
  };
}
