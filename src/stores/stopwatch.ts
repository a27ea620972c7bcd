/**
 * The time that a store takes: the milliseconds spent on packing saved tensors, unpacking them and recomputing them from
 * others. Such calls are nested, since a recipe unpacks its sources; the outermost call decides to which part the time
 * belongs.
 */
import type { Packed } from "../engine/packed.js";
import type { Store } from "../engine/store.js";

/** The calls by which a packed tensor gives its values. */
const answers = ["range", "rectified", "gate"] as const;

/** Milliseconds. `recomputeMs` holds the unpacking of the sources. */
export interface StoreTime {
  packMs: number;
  unpackMs: number;
  recomputeMs: number;
}

export const totalMs = ({ packMs, unpackMs, recomputeMs }: StoreTime): number =>
  packMs + unpackMs + recomputeMs;

/** Times all calls of `store` from now on. Returns a function that gives the milliseconds so far. */
export function stopwatch(store: Store, now = () => performance.now()): () => StoreTime {
  const so: StoreTime = { packMs: 0, unpackMs: 0, recomputeMs: 0 };
  let depth = 0;
  const timed = <Args extends unknown[], Result>(part: keyof StoreTime, call: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      if (depth > 0) return call(...args);
      const start = now();
      depth++;
      try {
        return call(...args);
      } finally {
        depth--;
        so[part] += now() - start;
      }
    };
  };
  const timedAnswers = (part: keyof StoreTime, packed: Packed): Packed => {
    for (const answer of answers) {
      const call = packed[answer] as ((...args: unknown[]) => unknown) | undefined;
      if (call) Object.assign(packed, { [answer]: timed(part, call.bind(packed)) });
    }
    return packed;
  };
  const { pack, derive } = store;
  store.pack = timed("packMs", (...args) => timedAnswers("unpackMs", pack.apply(store, args)));
  store.derive = timed("recomputeMs", (...args) => timedAnswers("recomputeMs", derive.apply(store, args)));
  return () => ({ ...so });
}
