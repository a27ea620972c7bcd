/** What a network says of images whose classes are not known. */
import { Tensor } from "../engine/tensor.js";
import { ShapeError } from "../error.js";
import { softmax } from "../ops/loss.js";
import { suspendTraining } from "./evaluation.js";
import type { Session } from "./session.js";

/** The answer for one image. */
export interface Classification {
  /** The most probable class: an index into `dataset.classes`. */
  label: number;
  /** One number for each class; the sum is 1. */
  probabilities: Float32Array;
}

/**
 * Classifies N images, given as N·C·H·W values in the form of the session's data set, with the weights and the running
 * statistics of now. Nothing of the session changes, so it may be called between two trainings and in `onEpoch`.
 * `settings.batch` images are in the device's memory at a time. Throws a ShapeError if the number of values is no
 * multiple of C·H·W.
 */
export function predict(
  session: Pick<Session, "engine" | "model" | "dataset" | "settings">,
  images: ArrayLike<number>,
): Classification[] {
  const { engine, model, settings } = session;
  const { channels, height, width } = session.dataset;
  const size = channels * height * width;
  if (images.length % size !== 0) {
    throw new ShapeError({
      where: "predict",
      expected: `a multiple of ${channels} × ${height} × ${width} values`,
      got: String(images.length),
      remedy: "give whole images in the size of the session's data set",
    });
  }
  const values = images instanceof Float32Array ? images : Float32Array.from(images);
  const resume = suspendTraining(session);
  try {
    const found: Classification[] = [];
    for (let start = 0; start < values.length; start += settings.batch * size) {
      const part = values.subarray(start, start + settings.batch * size);
      const x = Tensor.from(engine, part, [part.length / size, channels, height, width], "images");
      const y = softmax(model.forward(x), "softmax");
      const [rows, classes] = y.shape as [number, number];
      for (let row = 0; row < rows; row++) {
        const probabilities = y.data.slice(row * classes, (row + 1) * classes);
        const label = probabilities.reduce((best, p, i) => (p > probabilities[best]! ? i : best), 0);
        found.push({ label, probabilities });
      }
      y.dispose();
    }
    return found;
  } finally {
    resume();
  }
}
