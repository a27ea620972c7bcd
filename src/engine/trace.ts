/** What a pass notes of each application of an op, and what of it a plan rests on. */
import { type Handle, SavedBits } from "./handle.js";
import type { Need } from "./packed.js";
import type { TracedOp, TracedStep } from "./plan.js";
import { SavedTensor } from "./saved.js";
import { tensorSize } from "./segment.js";

/** Whether a plan treats two ops alike. */
export const alike = (a: TracedOp, b: TracedOp): boolean =>
  a.name === b.name &&
  Boolean(a.recomputable?.recover) === Boolean(b.recomputable?.recover) &&
  a.recomputable?.rectifies === b.recomputable?.rectifies;

export const savesOf = (
  needs: TracedOp["saves"],
  handles: ReadonlyMap<string, Handle>,
): TracedStep["saves"] =>
  [...handles].flatMap(([name, { site, saved }]) =>
    saved instanceof SavedTensor ? [{ tensor: saved.name, site, need: needs[name] as Need }] : [],
  );

export const sameStep = (a: TracedStep, b: Pick<TracedStep, "inputs" | "output" | "saves">): boolean =>
  a.output === b.output &&
  a.inputs.length === b.inputs.length &&
  a.inputs.every((input, i) => input === b.inputs[i]) &&
  a.saves.length === b.saves.length &&
  a.saves.every(({ tensor, site, need }, i) => {
    const other = b.saves[i]!;
    return tensor === other.tensor && site.name === other.site.name && need === other.need;
  });

/** The sizes of what a step reads and puts out, and of what it saves under `handles`. */
export function sizesOf(
  tensors: readonly SavedTensor[],
  handles: ReadonlyMap<string, Handle>,
  images: number,
): Pick<TracedStep, "sizes" | "bitsBytes"> {
  const saved = [...handles.values()].map((handle) => handle.saved);
  const all = [...tensors, ...saved.filter((what) => what instanceof SavedTensor)];
  const bits = saved.filter((what) => what instanceof SavedBits);
  return {
    sizes: new Map(all.map(({ name, shape }) => [name, tensorSize(shape, images)])),
    bitsBytes: bits.reduce((sum, { bytes }) => sum + bytes.length, 0) / images,
  };
}
