/** What a plan expects, and what it knows. */
import type { PlannedTensor } from "./tensor.js";

/** What the plan expects of a step. */
export interface Outlook {
  savedBytes: number;
  /** The bytes with every tensor at the loosest bound that is of use. */
  leastBytes: number;
  /** √(Σ σ²/σ_ok² ÷ L): the total relative noise ÷ share; and under the law's own bounds. */
  noise: number;
  lawNoise: number;
}

/** All that the plan knows: plain data. */
export interface SavedPlan {
  savedBytes: number;
  images: number;
  fixedBytes: number;
  lawNoise: number;
  layers: number;
  tensors: readonly PlannedTensor[];
}
