/** The training images of one epoch, batch by batch. */
import { createRng, type Rng } from "../rng.js";
import { type Batch, loadBatch } from "./evaluation.js";
import type { Session } from "./session.js";

/** The order of the images and their augmentation depend on the seed and on the number of the epoch alone. */
export class EpochImages {
  readonly #session: Session;
  readonly #order: Uint32Array;
  readonly #augmentation: Rng | null;

  constructor(session: Session, epoch: number) {
    const { seed, augment } = session.settings;
    const rng = createRng(seed);
    this.#session = session;
    this.#order = rng.fork(`order ${epoch}`).permutation(session.dataset.train.length);
    this.#augmentation = augment ? rng.fork(`augmentation ${epoch}`) : null;
  }

  batch(i: number): Promise<Batch> {
    return loadBatch(this.#session, this.#session.dataset.train, this.#indices(i), this.#augmentation);
  }

  /** Announces a batch that will be asked for. A number beyond the last batch announces nothing. */
  prepare(i: number): void {
    const indices = this.#indices(i);
    if (indices.length > 0) this.#session.dataset.train.prepare?.(indices, this.#augmentation);
  }

  #indices(i: number): Uint32Array {
    const { batch } = this.#session.settings;
    return this.#order.subarray(i * batch, (i + 1) * batch);
  }
}
