/**
 * Frames side by side. Encoding and decoding are written as coroutines: where a kernel has to run, they yield its call and
 * go on with its result. Whoever drives several of them can so make their calls together, on as many threads.
 *
 *   frame 0   header · encodeDense ─────── encodeDense ─────── checksum
 *   frame 1   header · encodeDense ─────── encodeDense ─────── checksum
 */
export type Call = readonly [kernel: string, args: readonly number[]];

export type Work<Result> = Generator<Call, Result, number>;

/** Makes each call where it is asked for. */
export function alone<Result>(work: Work<Result>, call: (...call: Call) => number): Result {
  let state = work.next();
  while (!state.done) state = work.next(call(...state.value));
  return state.value;
}

/** `call` makes several calls of one kernel at once. If one of the works throws, the others are left where they are. */
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
    // Works may have come to different kernels: one kind a turn.
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
