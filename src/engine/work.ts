/** The work of a step, from its trace. */
import type { TracedStep } from "./plan.js";

/** The multiply-adds of one image: each output takes one for each weight of its channel; without weights, one. */
export function workOf({ parameter, output, sizes, work }: TracedStep): number {
  if (work !== undefined) return work;
  const values = sizes.get(output)!.each / 4;
  return parameter === null ? values : (values * parameter.value.size) / parameter.value.shape[0]!;
}
