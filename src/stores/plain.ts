/** `plain`: every tensor as it is, as PyTorch keeps it. The store itself is the engine's default. */
import { PlainStore } from "../engine/store.js";
import { storeKind } from "./kind.js";

export const plain = storeKind({
  name: "plain",
  help: "every tensor as it is",
  settings: {},
  lighter: "settings.store recompute or comet",
  label: () => "plain",
  create: () => new PlainStore(),
});
