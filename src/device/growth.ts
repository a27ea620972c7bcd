/**
 * By how many bytes each op makes the live bytes grow while it runs. An op allocates the same in each step, but for the
 * number of images and the sizes of frames, so its last run tells how large a piece of free memory the next one needs.
 */

interface Known {
  images: number;
  bytes: number;
}

/** A run that takes less lowers what is known to this part of it, since the next one may take more again. */
const kept = 7 / 8;

export class Growth {
  readonly #known = new Map<string, Known>();
  #op = "";
  #images = 0;
  #before = 0;
  #most = 0;

  /**
   * An op begins, at this many live bytes, on this many images; the op before has ended. Returns the bytes by which the
   * live bytes are expected to grow; null if it is the op's first run.
   */
  begin(op: string, images: number, live: number): number | null {
    this.#close();
    this.#op = op;
    this.#images = images;
    this.#before = live;
    this.#most = live;
    const known = this.#known.get(op);
    return known ? known.bytes * Math.max(1, images / known.images) : null;
  }

  /** The live bytes have changed. */
  note(live: number): void {
    if (live > this.#most) this.#most = live;
  }

  #close(): void {
    const bytes = this.#most - this.#before;
    const known = this.#known.get(this.#op);
    // A part of a batch says nothing of the whole that is not known already.
    if (known && known.images > this.#images) return;
    const least = known?.images === this.#images ? kept * known.bytes : 0;
    this.#known.set(this.#op, { images: this.#images, bytes: Math.max(bytes, least) });
  }
}
