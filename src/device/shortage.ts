/** Why an allocation failed, and what helps: the text of a MemoryError. */
import { MemoryError } from "../error.js";
import type { Block } from "./block.js";
import { type Bytes, type Category, formatBytes } from "./ledger.js";

interface Shortage {
  wanted: Pick<Block, "bytes" | "category" | "site">;
  free: number;
  /** The largest piece of these. */
  largest: number;
  budget: number;
  live: Bytes;
  /** What lowers the bytes of saved tensors. */
  advice: string;
}

/** Weights, and what a step needs for them whatever the batch. */
const ofWeights: readonly Category[] = ["parameters", "optimiser"];

export function memoryError(shortage: Shortage): MemoryError {
  const { wanted, free, largest, budget, live } = shortage;
  const rows = (Object.entries(live) as [Category, number][])
    .filter(([, bytes]) => bytes > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([category, bytes]) => `${category} ${formatBytes(bytes)}`);
  const { cause, remedy } = explained(shortage);
  const short =
    wanted.bytes > free
      ? `only ${formatBytes(free)} free`
      : `${formatBytes(free)} free but no piece over ${formatBytes(largest)}`;
  return new MemoryError({
    where: `${wanted.site} (${wanted.category})`,
    expected: `${formatBytes(wanted.bytes)} more of the device's ${formatBytes(budget)}`,
    got: `${short}; live: ${rows.join(", ") || "nothing"}; ${cause}`,
    remedy,
  });
}

function explained({ wanted, free, budget, live, advice }: Shortage): { cause: string; remedy: string } {
  if (wanted.bytes <= free) {
    return {
      cause: "the op in progress holds tensors between the free pieces",
      remedy: "use a settings.memory that is a little larger, or a smaller settings.batch",
    };
  }
  const needed = { ...live, [wanted.category]: live[wanted.category] + wanted.bytes };
  const weights = ofWeights.reduce((sum, category) => sum + needed[category], 0);
  // The gradients of all weights take as much as the weights.
  if (weights + needed.parameters > budget || ofWeights.includes(wanted.category)) {
    return {
      cause: "the weights, their gradients and their momentum alone take most of it",
      remedy: "use a larger settings.memory, or a smaller settings.model",
    };
  }
  const passing = needed.activations + needed.workspace + Math.max(0, needed.gradients - needed.parameters);
  if (needed.saved >= passing) {
    return {
      cause: "most of what the batch adds is saved for the backward pass",
      remedy: `use a smaller settings.batch, a larger settings.memory, or ${advice}`,
    };
  }
  return {
    cause: "most of what the batch adds is in use by the op in progress, and no store makes that smaller",
    remedy: "use a smaller settings.batch or a larger settings.memory",
  };
}
