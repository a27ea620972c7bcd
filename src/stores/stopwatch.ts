/**
 * The time that a store takes: the milliseconds spent on packing saved tensors, unpacking them and recomputing them from
 * others. Such calls are nested, since a recipe unpacks its sources; only the outermost call is timed.
 */
import type { Packed } from "../engine/packed.js";
import type { Store } from "../engine/store.js";

/** The calls by which a packed tensor gives its values. */
const answers = ["range", "rectified", "gate"] as const;

/** Times all calls of `store` from now on. Returns a function that gives the milliseconds so far. */
export function stopwatch(store: Store, now = () => performance.now()): () => number {
  let [total, depth] = [0, 0];
  const timed = <Args extends unknown[], Result>(call: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      const start = now();
      depth++;
      try {
        return call(...args);
      } finally {
        if (--depth === 0) total += now() - start;
      }
    };
  };
  const timedAnswers = (packed: Packed): Packed => {
    for (const answer of answers) {
      const call = packed[answer] as ((...args: unknown[]) => unknown) | undefined;
      if (call) Object.assign(packed, { [answer]: timed(call.bind(packed)) });
    }
    return packed;
  };
  const { pack, derive } = store;
  store.pack = timed((...args) => timedAnswers(pack.apply(store, args)));
  store.derive = timed((...args) => timedAnswers(derive.apply(store, args)));
  return () => total;
}
