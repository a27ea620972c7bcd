/**
 * `npm run bench -- arrays [--rounds 9]`
 *
 * What arrays of one's own spare: `encodeInto` and `decodeInto` beside `encode` and `decode`, which return new arrays, whose
 * memory the operating system hands out page by page. A million values with the zeros of a ReLU, bound 1e-2. Milliseconds:
 * the fastest round and the median; the rounds of all four alternate.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { decode, decodeInto, encode, encodeInto, frameCapacity } from "../src/codec/index.js";
import { UsageError } from "../src/error.js";
import { median } from "../src/experiments/statistics.js";
import { createRng } from "../src/rng.js";

const shape = [16, 64, 32, 32];
const count = 2 ** 20;
/** Calls in a round. */
const calls = 6;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { rounds: { type: "string", default: "9" } } });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    const [expected, got] = ["a whole number above 0", values.rounds];
    throw new UsageError({ where: "--rounds", expected, got, remedy: "give for example 9" });
  }
  const rng = createRng(1).fork("arrays");
  const x = Float32Array.from({ length: count }, (_, i) =>
    Math.max(0, Math.sin(i / 37) + 0.3 * (rng.uniform() - 0.5)),
  );
  const options = { bound: 1e-2, shape };
  const [frame, y] = [encode(x, options), new Float32Array(count)];
  const target = new Uint8Array(frameCapacity(count));
  const ways: Record<string, () => unknown> = {
    encode: () => encode(x, options),
    encodeInto: () => encodeInto(x, target, options),
    decode: () => decode(frame),
    decodeInto: () => decodeInto(frame, y),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const start = performance.now();
      for (let i = 0; i < calls; i++) way();
      times.get(name)!.push((performance.now() - start) / calls);
    }
  }
  const table = new Table({ head: ["", "fastest", "median"], style: { head: [], border: [] } });
  for (const [name, found] of times) {
    table.push([name, ...[Math.min(...found), median(found)].map((ms) => ms.toFixed(2))]);
  }
  process.stdout.write(`${table.toString()}\n`);
}
