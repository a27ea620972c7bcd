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
  recompute: word(["cheap", "sqrt", "least", "budget"], {
    default: "cheap",
    promise: true,
    help: "what is computed again: cheap maps; or convolutions too: all but every √n-th place, what takes the fewest bytes, or the least work within recompute-bytes",
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

/**
 * The choice of segments; null for "cheap", which has none. `keptShare`: the bytes of a kept tensor that may err, as a share
 * of its float32 bytes. Throws a UsageError if there is no budget; the choice throws one if the budget cannot be reached.
 */
export function chooserOf(
  { recompute, recomputeBytes }: RecomputeSettings,
  keptShare = 1,
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
    const parts = new Parts(steps, keeps, images, keptShare);
    const choose = (): Choice => {
      if (recompute === "sqrt") return everyRootth(parts);
      return (
        within(parts, recompute === "least" ? leastBytes(parts) : budget!) ?? unreachable(parts, budget!)
      );
    };
    return parts.segments(choose());
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
