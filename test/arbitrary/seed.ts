/** The seed of every property test: fixed, printed with a failure, and changed with COMET_SEED. */
export const seed = Number(process.env.COMET_SEED ?? 20261123);

/** How many cases a law draws, and from which seed. */
export interface Cases {
  seed: number;
  numRuns: number;
  /** A law that is to fail need not look for the smallest case. */
  endOnFailure?: boolean;
}
