/**
 * The seed of every property test. It is fixed, printed with a failure, and can be changed with COMET_SEED.
 */
export const seed = Number(process.env.COMET_SEED ?? 20261123);

/** The number of cases that a law draws, and their seed. */
export interface Cases {
  seed: number;
  numRuns: number;
  /** A law that is expected to fail need not search for the smallest failing case. */
  endOnFailure?: boolean;
}
