/** What asc is told beyond its options: which functions to inline, and which pass runs first. */
import { Node, NodeKind } from "assemblyscript";

const mark = /\/\/ @inline\n(?:export )?$/;

/**
 * Inlines every function that follows the line `// @inline`. AssemblyScript's own decorator is a syntax error of
 * TypeScript in front of a function: no formatter, linter or editor could read the file.
 */
export function afterParse({ sources }) {
  for (const { statements, text } of sources) {
    for (const statement of statements) {
      if (statement.kind !== NodeKind.FunctionDeclaration) continue;
      const { range } = statement;
      if (!mark.test(text.slice(0, range.start))) continue;
      const decorator = Node.createDecorator(Node.createIdentifierExpression("inline", range), null, range);
      statement.decorators = [...(statement.decorators ?? []), decorator];
    }
  }
}

/**
 * Propagates constants before any other optimisation. asc's -O3 merges equal code first: from `if (kind == A)
 * run(A) else run(B)` with `run` inlined, it would leave one loop that tests the kind in every iteration.
 */
export function afterCompile(module) {
  module.runPasses(["precompute-propagate", "remove-unused-brs", "vacuum"]);
}
