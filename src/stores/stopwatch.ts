/**
 * What a store costs in time: the milliseconds spent on packing saved tensors, on unpacking them and on making them
 * again from others. Packing asks others for values and a recipe asks its sources: only the outermost call is timed.
 */
import type { Packed } from "../engine/packed.js";
import type { Store } from "../engine/store.js";

/** Calls that a plain store answers with what it has. */
const answers = ["range", "rectified", "gate"] as const;

/** Starts to time all that `store` does from now on; returns the milliseconds so far. */
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
