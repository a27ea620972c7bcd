/** Recipes: how one application of a recomputable op makes its output, or its first input, from saved tensors. */
import type { Op, Recomputation } from "./op.js";
import { imagesAtOnce, imagesOf } from "./packed.js";
import type { Parameter } from "./parameter.js";
import type { Recipe, SavedTensor } from "./saved.js";
import type { Tensor } from "./tensor.js";

/** One application of an op, before it runs. */
export interface Applied<A> {
  readonly op: Op<A>;
  readonly parameter: Parameter | null;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  readonly run: Recomputation;
  /** See `TracedStep.current`. */
  current(): boolean;
}

const ranges = (sources: readonly SavedTensor[], first: number, count: number): Tensor[] =>
  sources.map((source) => source.range(first, count));

/** Multiplies x by factors, value by value and in place. `data` is a new view at each access, so loops take it once. */
export function multiply(x: Float32Array, factors: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factors[i]!;
}

/** The output from the inputs, which are the sources. */
export function recomputed<A>({ op, attributes, run }: Applied<A>, sources: readonly SavedTensor[]): Recipe {
  const { recompute, rectifies = false, dear = false, sensitivity: own } = op.recomputable!;
  return {
    sources,
    sum: false,
    dear,
    make: (first, count, last) =>
      rectifies
        ? sources[0]!.rectified(first, count, last)
        : recompute(run, ranges(sources, first, count), attributes, first),
    /** The chain rule. */
    sensitivity(first, count) {
      const outer = own?.(run, ranges(sources, first, count), attributes, first);
      const inner = sources[0]!.sensitivity(first, count);
      if (!outer || !inner) return outer ?? inner;
      multiply(outer.data, inner.data);
      inner.dispose();
      return outer;
    },
  };
}

/** An input from the output, which is the first source, and from the other inputs. */
export function recovered<A>({ op, attributes, run }: Applied<A>, sources: readonly SavedTensor[]): Recipe {
  const { recover } = op.recomputable!;
  return {
    sources,
    sum: true,
    make(first, count) {
      const [kept, ...rest] = sources;
      const at = imagesAtOnce(kept!.shape);
      // The others may have to be computed again, which takes memory: y comes after them.
      let others = ranges(rest, first, Math.min(at, count));
      const y = kept!.range(first, count);
      if (count <= at) return recover!(run, y, others, attributes);
      const values = y.data;
      const x = y.recycle(run.site);
      if (x.data !== values) x.data.set(values);
      const size = x.size / count;
      for (let start = 0; start < count; start += at) {
        const images = Math.min(at, count - start);
        if (start > 0) others = ranges(rest, first + start, images);
        const part = recover!(run, imagesOf(x, start, images), others, attributes);
        x.data.set(part.data, start * size);
        part.dispose();
      }
      return x;
    },
  };
}
