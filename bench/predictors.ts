/**
 * `npm run bench -- predictors [--tensors DIR] [--bound 0.01]`
 *
 * Measures predictors that dense mode does not have, in bits per value under its sixteen contexts. The figures are ratios
 * relative to the best of none, up, median and smooth for the whole tensor; above 1 would be a gain.
 *
 *   per plane     the best of the same four for each plane (by Σ log2(1 + z)), with the cost of its choice
 *   channel       the same pixel of the previous channel
 *   its error     the median plus its error at the same pixel of the previous channel
 *   half of it    the median plus half of that error
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { expect, zigzag } from "../src/codec/stages/predict.js";
import { contextBits, fromFolder, fromTraining, integersOf, type Named } from "./codec.js";

const spatial = [0, 2, 3, 4];
const columns = ["per plane", "channel", "its error", "half of it"] as const;

/** Folded residuals of every predictor: first the spatial ones, then those that use the previous channel. */
function residualsOf(tensor: Named, step: number) {
  const { q, width, plane } = integersOf(tensor, step);
  const channels = tensor.shape.at(-3) ?? 1;
  const folded = Array.from({ length: spatial.length + 3 }, () => new Uint16Array(q.length));
  for (let start = 0, p = 0; start < q.length; start += plane, p++) {
    const own = q.subarray(start, start + plane);
    const before = p % channels > 0 ? q.subarray(start - plane, start) : null;
    for (let i = 0; i < own.length; i++) {
      const median = expect(own, i, width, 3);
      const missed = before === null ? 0 : before[i]! - expect(before, i, width, 3);
      const guesses = [
        ...spatial.map((predictor) => expect(own, i, width, predictor)),
        before === null ? median : before[i]!,
        median + missed,
        median + (missed >> 1),
      ];
      guesses.forEach((guess, k) => {
        folded[k]![start + i] = zigzag(((own[i]! - guess) << 16) >> 16, 16);
      });
    }
  }
  return { folded, width, plane };
}

/** The residuals of each plane with the predictor that makes them smallest. */
function bestPerPlane(folded: Uint16Array[], plane: number): Uint16Array {
  const mixed = new Uint16Array(folded[0]!.length);
  for (let start = 0; start < mixed.length; start += plane) {
    const parts = folded.map((z) => z.subarray(start, start + plane));
    const costs = parts.map((part) => part.reduce((sum, z) => sum + Math.log2(1 + z), 0));
    mixed.set(parts[costs.indexOf(Math.min(...costs))]!, start);
  }
  return mixed;
}

export async function bench(args: string[]): Promise<void> {
  const { values: options } = parseArgs({
    args,
    options: { tensors: { type: "string" }, bound: { type: "string", default: "0.01" } },
  });
  const tensors = options.tensors === undefined ? await fromTraining() : fromFolder(options.tensors);
  const table = new Table({ head: ["tensor", "bits a value", ...columns] });
  const logs = columns.map(() => 0);
  for (const tensor of tensors) {
    const largest = tensor.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const { folded, width, plane } = residualsOf(tensor, 2 * Number(options.bound) * largest);
    const bits = (z: Uint16Array) => contextBits(z, width, plane) / z.length;
    const own = folded.slice(0, spatial.length);
    const best = Math.min(...own.map(bits));
    const perPlane = bits(bestPerPlane(own, plane)) + Math.log2(spatial.length) / plane;
    const ratios = [perPlane, ...folded.slice(spatial.length).map(bits)].map((found) => best / found);
    ratios.forEach((ratio, k) => {
      logs[k]! += Math.log(ratio) / tensors.length;
    });
    table.push([tensor.name, best.toFixed(3), ...ratios.map((ratio) => ratio.toFixed(3))]);
  }
  table.push(["geometric mean", "", ...logs.map((log) => Math.exp(log).toFixed(3))]);
  process.stdout.write(`${table}\n`);
}
