/**
 * `npm run bench -- predictors [--tensors DIR] [--bound 0.01]`
 *
 * First, what each of dense mode's predictors brings at this bound, with quantizer paper: the size of the frame that the
 * encoder makes without it, divided by the size of the frame that it makes with all of them. 1 means that it is not needed.
 *
 * Then predictors that dense mode does not have, in bits a value under its sixteen contexts. Figures are ratios against the
 * best of none, up, median and smooth for the whole tensor: above 1 would pay.
 *
 *   per plane     of the same four, the best for each plane (by Σ log2(1 + z)), its choice counted
 *   channel       the same pixel of the channel before
 *   its error     the median, and what it missed there in the channel before
 *   half of it    the median, and half of that
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import type { Quantization } from "../src/codec/bound.js";
import { choose, type Tally } from "../src/codec/dense/choice.js";
import { layoutOf } from "../src/codec/dense/layout.js";
import { tally } from "../src/codec/dense/segment.js";
import { headerFor } from "../src/codec/options.js";
import { expect, lanePredictors, zigzag } from "../src/codec/stages/predict.js";
import { CodecBench, contextBits, fromFolder, fromTraining, integersOf, type Named } from "./codec.js";

const spatial = [0, 2, 3, 4];
/** Sets of dense mode's predictors (not left, which only tensors without rows have). */
const excludable = [
  ...[0, 2, 3, 4, 5, 6].map((predictor) => ({ name: lanePredictors[predictor]!, excluded: [predictor] })),
  { name: "both halves", excluded: [5, 6] },
];
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

/** What the encoder would choose without some predictors: it takes their residuals to be infinite. */
function choiceWithout(excluded: readonly number[], { shape, data }: Named, quantization: Quantization) {
  const layout = layoutOf(shape, data.length);
  const tallyOf: Tally = (counts, sample, model) =>
    counts === null && excluded.includes(model.predictor)
      ? Number.POSITIVE_INFINITY
      : tally(counts, data, layout, sample, model, quantization);
  return choose(tallyOf, layout, quantization, () => Number.POSITIVE_INFINITY);
}

/** Frame bytes without each set of predictors ÷ frame bytes with all. */
function contributions(codec: CodecBench, tensor: Named, relative: number): number[] {
  const bound = relative * largestOf(tensor);
  const sizeWithout = (excluded: readonly number[]) => {
    const options = { bound, mode: "dense", quantizer: "paper" } as const;
    const { quantization } = headerFor(tensor.data, { ...options, shape: tensor.shape });
    const choice = choiceWithout(excluded, tensor, quantization);
    return 1 / codec.run(tensor, { ...options, choice }, 1).ratio;
  };
  const all = sizeWithout([]);
  return excludable.map(({ excluded }) => sizeWithout(excluded) / all);
}

const largestOf = ({ data }: Named): number =>
  data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** A table of a figure for each tensor and column, with the columns' geometric means in the last row. */
function tableOf(head: readonly string[], rows: readonly { name: string; figures: readonly number[] }[]) {
  const table = new Table({ head: ["tensor", ...head] });
  for (const { name, figures } of rows) table.push([name, ...figures.map((figure) => figure.toFixed(3))]);
  const means = head.map((_, k) =>
    Math.exp(rows.reduce((sum, { figures }) => sum + Math.log(figures[k]!), 0) / rows.length),
  );
  table.push(["geometric mean", ...means.map((mean) => mean.toFixed(4))]);
  return table;
}

export async function bench(args: string[]): Promise<void> {
  const { values: options } = parseArgs({
    args,
    options: { tensors: { type: "string" }, bound: { type: "string", default: "0.01" } },
  });
  const tensors = options.tensors === undefined ? await fromTraining() : fromFolder(options.tensors);
  const relative = Number(options.bound);
  const codec = new CodecBench();
  const brought = tensors.map((tensor) => ({
    name: tensor.name,
    figures: contributions(codec, tensor, relative),
  }));
  const head = excludable.map(({ name }) => `without ${name}`);
  process.stdout.write(`${tableOf(head, brought)}\n`);
  const others = tensors.map((tensor) => {
    const { folded, width, plane } = residualsOf(tensor, 2 * relative * largestOf(tensor));
    const bits = (z: Uint16Array) => contextBits(z, width, plane) / z.length;
    const own = folded.slice(0, spatial.length);
    const best = Math.min(...own.map(bits));
    const perPlane = bits(bestPerPlane(own, plane)) + Math.log2(spatial.length) / plane;
    const found = [perPlane, ...folded.slice(spatial.length).map(bits)];
    return { name: tensor.name, figures: [best, ...found.map((value) => best / value)] };
  });
  process.stdout.write(`${tableOf(["bits a value", ...columns], others)}\n`);
}
