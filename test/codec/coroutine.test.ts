/** Coroutines of the codec: driven together or one by one, they return the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { alone, type Coroutine, sideBySide } from "../../src/codec/wasm/coroutine.js";

test("coroutines that run side by side return what they return alone, and each kernel's calls are made together", () => {
  function* sum(n: number): Coroutine<number> {
    let total = 0;
    for (let i = 0; i < n; i++) total += yield ["encodeFast", [i]];
    if (n % 2 === 1) total += yield ["checksumAdd", [n]];
    return total;
  }
  const kernels: Record<string, (x: number) => number> = {
    encodeFast: (x) => 2 * x,
    checksumAdd: (x) => 3 * x,
  };
  const call = (kernel: string, args: readonly number[]) => kernels[kernel]!(args[0]!);
  const turns: number[] = [];
  const lengths = [3, 0, 5, 2];
  const found = sideBySide(lengths.map(sum), (kernel, calls) => {
    turns.push(calls.length);
    return calls.map((args) => call(kernel, args));
  });
  assert.deepEqual(
    found,
    lengths.map((n) => alone(sum(n), call)),
  );
  assert.ok(turns.length < lengths.reduce((sum, n) => sum + n, 0) && Math.max(...turns) === 3);
});
