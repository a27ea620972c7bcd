/**
 * Keeps the first tensor of each chain of recomputable ops as it is, and makes the others again in the backward pass: from
 * the input of a batch normalisation, through activations and residual sums, to the input of the next convolution. The
 * values have the same bits as under the plain store.
 */
import { PlainStore } from "../engine/store.js";
import { storeKind } from "./kind.js";

export class RecomputeStore extends PlainStore {
  override readonly name: string = "recompute";
  override readonly keeps = "first";
}

export const recompute = storeKind({
  name: "recompute",
  help: "cheap maps computed again, with the same bits",
  settings: {},
  label: () => "recompute",
  create: () => new RecomputeStore(),
});
