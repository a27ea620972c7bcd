/**
 * Constants before anything else. asc's -O3 folds equal code first: of `if (kind == A) run(A) else run(B)` with `run`
 * inlined, it would leave one loop that asks for the kind in every turn.
 */
export function afterCompile(module) {
  module.runPasses(["precompute-propagate", "remove-unused-brs", "vacuum"]);
}
