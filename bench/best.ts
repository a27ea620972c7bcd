/**
 * `npm run bench -- best --tensors DIR --ratios FILE`
 *
 * Dense mode's ratio (quantizer paper) ÷ the best ratio that any of several other compressors reached, per tensor and bound.
 * FILE is JSON: { tensor: { bound as a share of the largest magnitude: { compressor: ratio, …, eb: the bound } } }.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { encode } from "../src/codec/index.js";
import { UsageError } from "../src/error.js";
import { fromFolder } from "./codec.js";

type Ratios = Record<string, Record<string, Record<string, number>>>;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { tensors: { type: "string" }, ratios: { type: "string" } },
  });
  if (values.tensors === undefined || values.ratios === undefined) {
    throw new UsageError({
      where: "bench best",
      expected: "--tensors DIR and --ratios FILE",
      got: args.join(" ") || "nothing",
      remedy: "give a folder of tensors, and the ratios that other compressors reached on them",
    });
  }
  const others = JSON.parse(readFileSync(values.ratios, "utf8")) as Ratios;
  const tensors = fromFolder(values.tensors).filter(({ name }) => name in others);
  const shares = Object.keys(others[tensors[0]!.name]!);
  const table = new Table({ head: ["ours ÷ best", ...shares], style: { head: [], border: [] } });
  const logs = shares.map(() => 0);
  for (const { name, shape, data } of tensors) {
    const cells = shares.map((share, k) => {
      const { eb, ...ratios } = others[name]![share]!;
      const [rival, best] = Object.entries(ratios).reduce((a, b) => (b[1] > a[1] ? b : a));
      const frame = encode(data, { bound: eb!, shape, mode: "dense", quantizer: "paper" });
      const ours = data.byteLength / frame.length;
      logs[k]! += Math.log(ours / best);
      return `${(ours / best).toFixed(3)} (${ours.toFixed(2)}; ${rival})`;
    });
    table.push([name, ...cells]);
  }
  table.push(["geometric mean", ...logs.map((log) => Math.exp(log / tensors.length).toFixed(3))]);
  console.log(table.toString());
}
