/**
 * Encoding and decoding as coroutines. Where a kernel has to run, the coroutine yields the call and continues
 * with its result. A driver that holds several coroutines can therefore run their calls together, one on each
 * thread.
 *
 *   frame 0   header · encodeDense ─────── encodeDense ─────── checksum
 *   frame 1   header · encodeDense ─────── encodeDense ─────── checksum
 */
export type Call = readonly [kernel: string, args: readonly number[]];

export type Work<Result> = Generator<Call, Result, number>;

/** Runs one coroutine to its end and makes each of its calls at once. */
export function alone<Result>(work: Work<Result>, call: (...call: Call) => number): Result {
  let state = work.next();
  while (!state.done) state = work.next(call(...state.value));
  return state.value;
}

/**
 * Runs several coroutines; `call` makes several calls of one kernel together. If one of them throws, the
 * others are left where they are.
 */
export function sideBySide<Result>(
  works: readonly Work<Result>[],
  call: (kernel: string, calls: readonly (readonly number[])[]) => readonly number[],
): Result[] {
  const states = works.map((work) => work.next());
  for (;;) {
    const waiting = works.flatMap((work, i) => {
      const { done, value } = states[i]!;
      return done ? [] : [{ i, work, kernel: value[0], args: value[1] }];
    });
    if (waiting.length === 0) return states.map(({ value }) => value as Result);
    // The coroutines may wait for different kernels. Each turn runs one kind of kernel.
    const turn = waiting.filter(({ kernel }) => kernel === waiting[0]!.kernel);
    const results = call(
      waiting[0]!.kernel,
      turn.map(({ args }) => args),
    );
    turn.forEach(({ i, work }, k) => {
      states[i] = work.next(results[k]!);
    });
  }
}
