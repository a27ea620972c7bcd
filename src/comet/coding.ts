/** What the store and the codec on the device agree on: how one tensor is coded, and the frames of its parts. */
import type { Quantizer as FrameQuantizer } from "../codec/bound.js";
import type { Choice } from "../codec/dense/choice.js";
import type { Block } from "../device/device.js";
import type { Category } from "../device/ledger.js";

/** The codec's `signed` takes the place of `dithered` where a mask or a looser bound below zero needs the signs. */
export type Quantizer = Exclude<FrameQuantizer, "signed">;

export const quantizers: readonly Quantizer[] = ["support", "paper", "dithered"];

export const modes = ["auto", "fast", "dense"] as const;
export type Mode = (typeof modes)[number];

/** How one tensor is coded. */
export interface Coding {
  bound: number;
  /** The bound of values below zero; no tighter than `bound`. */
  below: number;
  quantizer: Quantizer;
  mode: Mode;
  /** The part of fast mode's bytes that dense mode must save under `auto`. */
  saving: number;
  seed: number;
}

interface PartOptions {
  bound: number;
  negativeBound?: number;
  quantizer: FrameQuantizer;
  mode: Mode;
  seed?: number;
}

/** `length` values at the address `x`, which become one frame. */
export interface Uncoded {
  x: number;
  length: number;
  shape: readonly number[];
  options: PartOptions & { choice?: Choice | null };
}

/** A frame, and the address for its values. `positive`: an address for the rectified values as well. */
export interface Coded {
  frame: Block;
  out: number;
  rectified: boolean;
  positive?: number;
}

/** The codec on the device's own bytes, several frames at a time. */
export interface DeviceCodec {
  /** The most bytes of workspace that it uses. */
  readonly workspaceBytes: number;
  /** How these values would be encoded. All parts of one tensor use the answer. `saving`: see Coding. */
  choose(part: Uncoded, saving: number): Choice | null;
  /** The frames of some parts, in order. */
  encode(parts: readonly Uncoded[], category: Category, site: string): Block[];
  decode(parts: readonly Coded[]): void;
}

/** How many times looser the bound below zero is, where it may be `ratio` times: a power of two. */
export function looseness(ratio: number): number {
  let times = 1;
  while (2 * times <= ratio && times < 2 ** 16) times *= 2;
  return times;
}
