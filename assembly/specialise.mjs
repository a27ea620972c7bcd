/**
 * Propagates constants before any other optimisation. asc's -O3 merges equal code first: from `if (kind == A)
 * run(A) else run(B)` with `run` inlined, it would leave one loop that tests the kind in every iteration.
 */
export function afterCompile(module) {
  module.runPasses(["precompute-propagate", "remove-unused-brs", "vacuum"]);
}
