/**
 * A segment: some steps of a forward pass that can be run again from the one tensor that enters them.
 *
 *   … ─► entry ─┬─► conv ─► norm ─► relu ─► conv ─► norm ─► add ─► exit ─► …
 *               └────────────────────────────────────────────┘
 *
 * The entry and the exit are kept (or made from what is kept by cheap maps); what is saved in between is made in the
 * backward pass, by one run of the steps (rerun.ts).
 */
import { sizeOf } from "./tensor.js";

export interface Segment {
  /** The name of the tensor that enters. */
  readonly entry: string;
  /** The names of the steps, in order. The output of the last one is the exit. */
  readonly steps: readonly string[];
}

/** What a store chooses to compute again. */
export interface Segments {
  readonly segments: readonly Segment[];
  /** The names of tensors that are kept, in place of being made from others. */
  readonly pinned: ReadonlySet<string>;
  /** The part of a site's bound that an error in an entry may take, from which the site's tensor will be computed again. */
  readonly share: number;
}

export const noSegments: Segments = { segments: [], pinned: new Set(), share: 1 };

/** The number of bytes of something in a pass on n images: n·each + once. */
export interface Size {
  readonly each: number;
  readonly once: number;
}

/** The size of a float32 tensor in a pass on so many images. */
export function tensorSize(shape: readonly number[], images: number): Size {
  const bytes = 4 * sizeOf(shape);
  return shape[0] === images ? { each: bytes / images, once: 0 } : { each: 0, once: bytes };
}
