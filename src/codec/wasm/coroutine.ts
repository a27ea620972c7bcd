/**
 * Several frames at the same time. Encoding and decoding are written as coroutines: a coroutine yields each kernel call that
 * it needs and continues with the result. A caller that drives several coroutines can therefore make their calls together,
 * on as many threads.
 *
 *   frame 0   header · encodeDense ─────── encodeDense ─────── checksum
 *   frame 1   header · encodeDense ─────── encodeDense ─────── checksum
 */
import type { CodecExports } from "../instantiate.js";

export type Call = readonly [kernel: keyof CodecExports, args: readonly number[]];

export type Coroutine<Result> = Generator<Call, Result, number>;

/** Drives one coroutine: makes each of its calls as soon as it is yielded. */
export function alone<Result>(coroutine: Coroutine<Result>, call: (...call: Call) => number): Result {
  let state = coroutine.next();
  while (!state.done) state = coroutine.next(call(...state.value));
  return state.value;
}

/**
 * Drives several coroutines. `call` makes several calls of one kernel at once. If one of the coroutines throws, the others
 * are not continued.
 */
export function sideBySide<Result>(
  coroutines: readonly Coroutine<Result>[],
  call: (kernel: string, calls: readonly (readonly number[])[]) => readonly number[],
): Result[] {
  const states = coroutines.map((coroutine) => coroutine.next());
  for (;;) {
    const waiting = coroutines.flatMap((coroutine, i) => {
      const { done, value } = states[i]!;
      return done ? [] : [{ i, coroutine, kernel: value[0], args: value[1] }];
    });
    if (waiting.length === 0) return states.map(({ value }) => value as Result);
    // The coroutines may wait for different kernels; each turn makes the calls of one of them.
    const turn = waiting.filter(({ kernel }) => kernel === waiting[0]!.kernel);
    const results = call(
      waiting[0]!.kernel,
      turn.map(({ args }) => args),
    );
    turn.forEach(({ i, coroutine }, k) => {
      states[i] = coroutine.next(results[k]!);
    });
  }
}
