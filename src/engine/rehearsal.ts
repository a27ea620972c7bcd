/** A forward pass that is run only for its plan: it saves nothing, and no backward pass follows. */
import { UsageError } from "../error.js";
import type { Packed } from "./packed.js";
import type { Keeps } from "./plan.js";
import { Store } from "./store.js";
import { abandon, type Engine } from "./tape.js";
import type { Tensor } from "./tensor.js";

/** Packs nothing. */
class NoStore extends Store {
  readonly name = "none";
  override readonly keeps: Keeps;

  constructor(keeps: Keeps) {
    super();
    this.keeps = keeps;
  }

  pack(): Packed {
    return {
      kind: "recipe",
      bytes: 0,
      images: 1,
      range: () => {
        throw new UsageError({
          where: "rehearsal",
          expected: "a forward pass alone",
          got: "a request for saved values",
          remedy: "call backward after the rehearsal, not in it",
        });
      },
      free() {},
    };
  }
}

/**
 * Plans the chains of `forward`, which makes a network's loss or output. Without it the first pass keeps every tensor that
 * an op saves, and only the next ones make some of them from others. A part of a batch is enough, if `images` tells how
 * many images the whole batch has: a plan for a number of bytes depends on it. The forward pass updates running statistics:
 * the caller restores them. Throws a UsageError while a forward pass waits for its backward pass, or if the store cannot
 * plan what its settings ask for.
 */
export function rehearse(engine: Engine, forward: () => Tensor, images?: number): void {
  const { store, onOutput, recording, trial } = engine;
  if (engine.tape.length > 0) {
    throw new UsageError({
      where: "rehearse",
      expected: "an engine between two steps",
      got: `a tape of ${engine.tape.length} ops`,
      remedy: "call it before the forward pass, or after backward",
    });
  }
  const stand = new NoStore(store.keeps);
  engine.store = stand;
  engine.onOutput = null;
  engine.recording = true;
  engine.trial = true;
  try {
    forward().dispose();
    store.chains.conclude(stand.chains.pass, images);
  } finally {
    abandon(engine);
    Object.assign(engine, { store, onOutput, recording, trial });
  }
}
