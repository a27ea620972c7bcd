/**
 * COMET behind the seam: phase 4, activation compression. A tensor that conv or linear layers have claimed is encoded
 * at the tightest of their bounds and its raw bytes are freed; one of which only the support is needed becomes a mask of
 * one bit an element; whatever has no bound yet, or must be exact, stays as it is.
 */
import type { Block } from "../device/device.js";
import { deriveSeed } from "../rng.js";
import { type Claimant, type Packed, Raw, Store } from "../store.js";
import { Tensor } from "../tensor.js";
import type { Audit } from "./audit.js";
import type { Controller } from "./controller.js";
import { Mask } from "./mask.js";

export type Quantizer = "support" | "paper" | "dithered";
export type Mode = "fast" | "dense" | "auto";

/** The codec as the store uses it: on the device's own bytes, with scratch that is there only while it is used. */
export interface DeviceCodec {
  with<T>(use: (codec: FrameCodec) => T): T;
}

export interface FrameCodec {
  /** Writes a frame to [out, out + capacity); returns its bytes, or −1 if it does not fit. */
  encodeAt(
    x: number,
    length: number,
    shape: readonly number[],
    options: { bound: number; quantizer: Quantizer; mode: Mode; seed?: number },
    out: number,
    capacity: number,
  ): number;
  decodeAt(frame: number, frameBytes: number, out: number): void;
}

export interface CometStoreOptions {
  /**
   * Default "dithered": its error is uniform and independent of the signal, which is what the law assumes. Under
   * "support" neighbouring equal values (a flat background) err alike, and the law's σ is too small in the first
   * layers (test/train.test.ts, "the law test can fail"). Both keep every zero; docs/theory.md, section 3, has the cost.
   */
  quantizer?: Quantizer;
  mode?: Mode;
}

/** What became of one tensor that was claimed for its values or its support. */
export interface PackRecord {
  /** Under a bound, as a mask of its support, or as it was because no bound is known yet. */
  kind: "frame" | "mask" | "raw";
  /** The first site that claimed it. */
  site: string;
  op: string;
  /** Null for what is exact: masks and raw tensors. */
  bound: number | null;
  rawBytes: number;
  packedBytes: number;
}

export class CometStore extends Store {
  readonly name = "comet";
  readonly controller: Controller;
  readonly quantizer: Quantizer;
  readonly mode: Mode;
  /** Called for every tensor that is packed, or would be if it had a bound. */
  onPack: ((record: PackRecord) => void) | null = null;
  /** Which of a step's draws of the dither; a probe compresses one step several times. */
  draw = 0;
  /** While set, every frame is decoded at once and compared with its original. */
  audit: Audit | null = null;
  readonly #codec: DeviceCodec;

  constructor(codec: DeviceCodec, controller: Controller, options: CometStoreOptions = {}) {
    super();
    this.#codec = codec;
    this.controller = controller;
    this.quantizer = options.quantizer ?? "dithered";
    this.mode = options.mode ?? "auto";
  }

  pack(x: Tensor, claimants: readonly Claimant[]): Packed {
    if (claimants.some(({ need }) => need === "exact")) return new Raw(x.ref);
    const values = claimants.filter(({ need }) => need === "value");
    if (values.length === 0) {
      const { name: site, op } = claimants[0]!.site;
      const mask = new Mask(x, site);
      this.onPack?.({ kind: "mask", site, op, bound: null, rawBytes: 4 * x.size, packedBytes: mask.bytes });
      return mask;
    }
    const bounds = values.map(({ site }) => this.controller.boundFor(site));
    const bound = bounds.includes(null) ? null : Math.min(...(bounds as number[]));
    for (const { site } of values) this.controller.stored(site, bound);
    const { name: site, op } = values[0]!.site;
    const rawBytes = 4 * x.size;
    if (bound === null) {
      this.onPack?.({ kind: "raw", site, op, bound, rawBytes, packedBytes: rawBytes });
      return new Raw(x.ref);
    }
    // `paper` rounds small values to zero: a ReLU's mask has to be kept beside its frames.
    const lost = this.quantizer === "paper" && values.length < claimants.length;
    const options = {
      bound,
      quantizer: this.quantizer,
      mode: this.mode,
      seed: deriveSeed(x.engine.stepSeed, `${site}/${this.draw}`) >>> 0,
    };
    const frame = new Frames(this.#codec, x, site, options, lost ? new Mask(x, site) : null);
    this.onPack?.({ kind: "frame", site, op, bound, rawBytes, packedBytes: frame.bytes });
    if (this.audit) {
      const decoded = frame.unpack();
      this.audit.compare(site, bound, x.data, decoded.data, x.shape);
      decoded.dispose();
    }
    return frame;
  }
}

/** The most raw bytes of a saved tensor that are there at once while its backward pass looks at it, if images allow. */
const partBytes = 2 ** 19;

interface Part {
  block: Block;
  /** Images. */
  count: number;
}

/** A tensor under an error bound: a frame for every so many images, so that they can be looked at one by one. */
class Frames implements Packed {
  readonly bytes: number;
  readonly #codec: DeviceCodec;
  readonly #engine: Tensor["engine"];
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly #parts: Part[] = [];
  readonly #mask: Mask | null;

  constructor(
    codec: DeviceCodec,
    x: Tensor,
    site: string,
    options: { bound: number; quantizer: Quantizer; mode: Mode; seed: number },
    mask: Mask | null,
  ) {
    this.#codec = codec;
    this.#engine = x.engine;
    this.#shape = x.shape;
    this.#site = site;
    this.#mask = mask;
    const [images, ...image] = x.shape as [number, ...number[]];
    const size = x.size / images;
    const most = Math.max(1, Math.floor(partBytes / (4 * size)));
    const address = x.storage.block.address;
    codec.with((frames) => {
      for (let first = 0; first < images; first += most) {
        const count = Math.min(most, images - first);
        const from = address + 4 * size * first;
        const own = { ...options, seed: (options.seed + Math.imul(first, 0x9e3779b9)) >>> 0 };
        const block = x.engine.device.fill("saved", site, 4 * size * count, (out, capacity) =>
          frames.encodeAt(from, size * count, [count, ...image], own, out, capacity),
        );
        this.#parts.push({ block, count });
      }
    });
    this.bytes = this.#parts.reduce((sum, { block }) => sum + block.bytes, 0);
  }

  unpack(): Tensor {
    const x = Tensor.empty(this.#engine, this.#shape, this.#site);
    const image = (4 * x.size) / this.#shape[0]!;
    let address = x.storage.block.address;
    this.#codec.with((frames) => {
      for (const { block, count } of this.#parts) {
        frames.decodeAt(block.address, block.bytes, address);
        address += image * count;
      }
    });
    return x;
  }

  *parts(): Iterable<Tensor> {
    for (const { block, count } of this.#parts) {
      const x = Tensor.empty(this.#engine, [count, ...this.#shape.slice(1)], this.#site);
      this.#codec.with((frames) => frames.decodeAt(block.address, block.bytes, x.storage.block.address));
      yield x;
    }
  }

  gate(dy: Tensor): Tensor {
    if (this.#mask) return this.#mask.gate(dy);
    const values = dy.data;
    const dx = dy.recycle(this.#site);
    let first = 0;
    for (const x of this.parts()) {
      const range = [first, first + x.size] as const;
      this.#engine.kernels.reluBackward(dx.data.subarray(...range), values.subarray(...range), x.data);
      first += x.size;
      x.dispose();
    }
    return dx;
  }

  free(): void {
    this.#mask?.free();
    for (const { block } of this.#parts) this.#engine.device.free(block);
  }
}
