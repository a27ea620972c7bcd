/**
 * The bytes that the device holds for the moment, beside what is saved, while a part of a pass is back-propagated or run
 * again: an estimate from the shapes in the trace. Ops that are cheap to compute again write in place. What an op holds only
 * while it runs is left out, such as the slice of a pooled convolution (ops/conv-pool.ts): 4 MiB, or one image if that is more.
 */
import type { TracedStep } from "../../engine/plan.js";

type BytesOf = (name: string) => number;

/** The most bytes of gradients at a time, those of a convolution's weights and of its packed weights included. */
export function gradientBytes(steps: readonly TracedStep[], bytesOf: BytesOf): number {
  const live = liveBytes(steps, bytesOf);
  return steps.reduce((most, { parameter }, i) => {
    const weights =
      parameter?.value.shape.length === 4 ? Math.ceil(weightCopies * 4 * parameter.value.size) : 0;
    return Math.max(most, weights + live[i]!);
  }, 0);
}

/** The gradient of a weight, and its form for Winograd's algorithm: 4 × 4 values for each 3 × 3. */
const weightCopies = 1 + 16 / 9;

/** The most bytes of values at a time when the steps are run again. */
export const valueBytes = (steps: readonly TracedStep[], bytesOf: BytesOf): number =>
  liveBytes(steps, bytesOf).reduce((most, bytes) => Math.max(most, bytes), 0);

/** At each step: the bytes of what it reads and puts out, and of what is there before it and read behind it. */
function liveBytes(steps: readonly TracedStep[], bytesOf: BytesOf): number[] {
  /** The step that puts a tensor out, and the last one that reads it. */
  const born = new Map<string, number>();
  const lastRead = new Map<string, number>();
  for (const [i, { inputs, output }] of steps.entries()) {
    for (const input of inputs) {
      if (!born.has(input)) born.set(input, -1);
      lastRead.set(input, i);
    }
    if (!born.has(output)) born.set(output, i);
  }
  const change = new Array<number>(steps.length + 1).fill(0);
  for (const [name, until] of lastRead) {
    change[born.get(name)! + 1]! += bytesOf(name);
    change[until + 1]! -= bytesOf(name);
  }
  let live = 0;
  return steps.map(({ op, output }, i) => {
    live += change[i]!;
    return live + (op.recomputable ? 0 : bytesOf(output));
  });
}
