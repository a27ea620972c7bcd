/**
 * Keeps the first tensor of each chain of recomputable ops as it is, and makes the others again in the backward pass: from
 * the input of a batch normalisation, through activations and residual sums, to the input of the next convolution. With
 * `recompute` other than "cheap" whole segments of the network are computed again, convolutions included. The values have
 * the same bits as under the plain store.
 */
import type { ChooseSegments } from "../engine/plan.js";
import { PlainStore } from "../engine/store.js";
import { storeKind } from "./kind.js";
import { chooserOf, readsRecompute, recomputeSettings } from "./recompute/settings.js";

export class RecomputeStore extends PlainStore {
  override readonly name: string = "recompute";
  override readonly keeps = "first";
  override readonly segments: ChooseSegments | null;

  /** `segments`: chooses what is computed again beside cheap maps. */
  constructor(segments: ChooseSegments | null = null) {
    super();
    this.segments = segments;
  }
}

export const recompute = storeKind({
  name: "recompute",
  help: "cheap maps, or whole parts of the network, computed again, with the same bits",
  settings: recomputeSettings,
  label: ({ recompute }) => (recompute === "cheap" ? "recompute" : `recompute, ${recompute}`),
  slug: ({ recompute }) => (recompute === "cheap" ? "recompute" : `recompute-${recompute}`),
  reads: readsRecompute,
  create: (_engine, settings) => new RecomputeStore(chooserOf(settings)),
});
