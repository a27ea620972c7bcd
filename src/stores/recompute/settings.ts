/** How much is computed again: the settings that stores share, and the choice of segments that they describe. */
import { formatBytes, parseBytes } from "../../device/ledger.js";
import type { ChooseSegments } from "../../engine/plan.js";
import { UsageError } from "../../error.js";
import { type SettingsOf, text, word } from "../../setting.js";
import { everyRootth, leastBytes, within } from "./choices.js";
import { type Choice, Parts } from "./parts.js";

const recomputeBytes = text("bytes", {
  default: "",
  promise: true,
  help: "the most that may be saved at a time in a step, with recompute budget",
  example: { store: "recompute", recompute: "budget", recomputeBytes: "64MiB" },
});

export const recomputeSettings = {
  recompute: word(["cheap", "sqrt", "least", "peak", "budget"], {
    default: "cheap",
    promise: true,
    help: "what is computed again: cheap maps; or convolutions too, so as to keep every √n-th place, what saves the fewest bytes, what gives the device the lowest peak by estimate, or the least work within recompute-bytes",
    example: { store: "recompute", recompute: "sqrt" },
  }),
  recomputeBytes: {
    ...recomputeBytes,
    expected: "an amount of bytes above 0",
    accepts: (value: unknown) => value === "" || (typeof value === "string" && (parseBytes(value) ?? 0) > 0),
  },
};

export type RecomputeSettings = SettingsOf<typeof recomputeSettings>;

/** Whether a store reads one of these settings. */
export const readsRecompute = (name: string, { recompute }: RecomputeSettings): boolean =>
  name !== "recomputeBytes" || recompute === "budget";

/** What a store that errs tells of itself. */
export interface Lossy {
  /** The bytes of a kept tensor ÷ those of its float32 values, as far as it may err: a plan is made before it is packed. */
  readonly keptShare: number;
  /** See `Segments.share`. */
  readonly entryShare: number;
}

const lossless: Lossy = { keptShare: 1, entryShare: 1 };

/**
 * The choice of segments; null for "cheap", which has none. Throws a UsageError if there is no budget; the choice throws one
 * if the budget cannot be reached.
 */
export function chooserOf(
  { recompute, recomputeBytes }: RecomputeSettings,
  { keptShare, entryShare }: Lossy = lossless,
): ChooseSegments | null {
  if (recompute === "cheap") return null;
  const budget = parseBytes(recomputeBytes);
  if (recompute === "budget" && budget === null) {
    throw new UsageError({
      where: "settings.recomputeBytes",
      expected: "an amount of bytes, which settings.recompute budget keeps to",
      got: "none",
      remedy: "give for example settings.recomputeBytes 64MiB, or settings.recompute least",
    });
  }
  return (steps, keeps, images) => {
    const parts = new Parts(steps, keeps, images, { keptShare, live: recompute === "peak" });
    const choose = (): Choice => {
      if (recompute === "sqrt") return everyRootth(parts);
      const limit = recompute === "budget" ? budget! : leastBytes(parts);
      return within(parts, limit) ?? unreachable(parts, limit);
    };
    return parts.segments(choose(), entryShare);
  };
}

function unreachable(parts: Parts, budget: number): never {
  const least = leastBytes(parts);
  throw new UsageError({
    where: "settings.recomputeBytes",
    expected: `at least ${least} bytes (${formatBytes(least)}), the fewest that this network needs at this batch`,
    got: `${budget} bytes (${formatBytes(budget)})`,
    remedy: `give settings.recomputeBytes ${least}, or a smaller settings.batch`,
  });
}
