/**
 * COMET behind the seam: phase 4, activation compression. A tensor that conv or linear layers have claimed is encoded
 * at the tightest of their bounds and its raw bytes are freed; one of which only the support is needed becomes a mask of
 * one bit an element; whatever has no bound yet, or must be exact, stays as it is.
 */
import type { Device } from "../device/device.js";
import { deriveSeed } from "../rng.js";
import { type Claimant, gateBy, type Packed, Raw, Store } from "../store.js";
import { Tensor } from "../tensor.js";
import type { Audit } from "./audit.js";
import type { Controller } from "./controller.js";
import { Mask } from "./mask.js";

export type Quantizer = "support" | "paper" | "dithered";
export type Mode = "fast" | "dense" | "auto";

/** The codec as the store uses it: on the device's own bytes. */
export interface DeviceCodec {
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
    const frame = new Frame(this.#codec, x, site, options, lost ? new Mask(x, site) : null);
    this.onPack?.({ kind: "frame", site, op, bound, rawBytes, packedBytes: frame.bytes });
    if (this.audit) {
      const decoded = frame.unpack();
      this.audit.compare(site, bound, x.data, decoded.data, x.shape);
      decoded.dispose();
    }
    return frame;
  }
}

/** A tensor under an error bound. */
class Frame implements Packed {
  readonly bytes: number;
  readonly #codec: DeviceCodec;
  readonly #engine: Tensor["engine"];
  readonly #shape: readonly number[];
  readonly #site: string;
  readonly #block: ReturnType<Device["allocate"]>;
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
    const address = x.storage.block.address;
    this.#block = x.engine.device.fill("saved", site, 4 * x.size, (out, capacity) =>
      codec.encodeAt(address, x.size, x.shape, options, out, capacity),
    );
    this.bytes = this.#block.bytes;
  }

  unpack(): Tensor {
    const x = Tensor.empty(this.#engine, this.#shape, this.#site);
    this.#codec.decodeAt(this.#block.address, this.#block.bytes, x.storage.block.address);
    return x;
  }

  gate(dy: Tensor): Tensor {
    if (this.#mask) return this.#mask.gate(dy);
    const x = this.unpack();
    const dx = gateBy(x, dy);
    x.dispose();
    return dx;
  }

  free(): void {
    this.#mask?.free();
    this.#engine.device.free(this.#block);
  }
}
