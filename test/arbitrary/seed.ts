/** The seed of every property test: fixed, printed with a failure, and changed with COMET_SEED. */
export const seed = Number(process.env.COMET_SEED ?? 20261123);
