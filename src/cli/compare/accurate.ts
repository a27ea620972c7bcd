/** The loosest position of a store's knob whose trained accuracy is good enough. */
import { UsageError } from "../../error.js";
import { accuracyOf } from "../../runs/comparison.js";
import type { Trainings } from "./runs.js";
import { positionOf, type Specification, turnedTo } from "./specification.js";
import { loosest } from "./tune.js";

/** Positions of a knob that are tried by whole training runs. */
const accuracyTries = 5;

/**
 * The store with its knob where its mean accuracy is at least `target`. A position with a run that fails is too loose.
 * Throws a UsageError if none is good enough.
 */
export async function asAccurate(
  specification: Specification,
  target: number,
  train: (of: Specification) => Promise<Trainings>,
): Promise<{ specification: Specification; note: string }> {
  const { knob, text } = specification;
  const accepts = async (of: Specification) => {
    const { accuracies, failures } = await train(of);
    return failures.length === 0 && accuracyOf({ accuracies })!.mean >= target;
  };
  if (!knob) {
    if (await accepts(specification)) return { specification, note: "without a knob: as it is" };
  } else {
    const at = (value: unknown) => accepts(turnedTo(specification, value));
    const value = await loosest(knob, positionOf(specification), at, accuracyTries);
    if (value !== null) {
      return {
        specification: turnedTo(specification, value),
        note: `${knob.setting}: the loosest of those tried that is as accurate as the target`,
      };
    }
  }
  throw new UsageError({
    where: `--equal accuracy, store ${text}`,
    expected: `a mean test accuracy of at least ${(100 * target).toFixed(2)} %`,
    got: knob ? `less at every ${knob.setting} that was tried` : "less, and no knob to turn",
    remedy: "leave this store out, or give a lower --target",
  });
}
