/**
 * `npm run bench -- masked [--bound 0.01]`
 *
 * Masked data: a smooth field of 256 × 256 values of which some are NaN or a fill value. Each figure is the ratio, and in
 * brackets that ratio ÷ 32 bits over the ideal bits of a value: those of the finite values at the whole field's ratio, and
 * the entropy of an ideal mask (of independent holes where they are scattered; next to none for columns and a disc, whose
 * places take a few bytes).
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { decode, type EncodeOptions, encode } from "../src/codec/index.js";
import { createRng } from "../src/rng.js";

const side = 256;
const shares = [0.01, 0.05, 0.3];

const field = Float32Array.from({ length: side * side }, (_, i) => {
  const [x, y] = [i % side, Math.floor(i / side)];
  return 2 * Math.sin(x / 20) * Math.cos(y / 15) + Math.sin((x + y) / 9);
});

type Mask = (share: number) => (x: number, y: number) => boolean;

const masks: Record<string, Mask> = {
  scattered: (share) => {
    const random = createRng(1).fork("mask");
    return () => random.uniform() < share;
  },
  columns: (share) => (x) => x >= 60 && x < 60 + Math.round(share * side),
  disc: (share) => (x, y) => (x - 140) ** 2 + (y - 120) ** 2 < (share * side * side) / Math.PI,
};

const entropyOf = (p: number): number => -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);

/** Encodes, checks every value, and returns the bits of a value. */
function bitsOf(x: Float32Array, options: EncodeOptions): number {
  const frame = encode(x, options);
  const y = decode(frame);
  x.forEach((value, i) => {
    if (Object.is(value, y[i]) || Math.abs(value - y[i]!) < options.bound!) return;
    throw new Error(`value ${i}: ${value} came back as ${y[i]}`);
  });
  return (8 * frame.length) / x.length;
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { bound: { type: "string", default: "0.01" } } });
  const bound = Number(values.bound);
  for (const mode of ["dense", "fast"] as const) {
    for (const quantizer of ["support", "paper"] as const) {
      const options: EncodeOptions = { bound, shape: [side, side], mode, quantizer };
      const whole = bitsOf(field, options);
      const head = [
        `${mode}, ${quantizer}: ${(32 / whole).toFixed(1)}`,
        ...shares.map((s) => `${100 * s} %`),
      ];
      const table = new Table({ head, style: { head: [], border: [] } });
      for (const fill of [Number.NaN, 1e20]) {
        for (const [name, mask] of Object.entries(masks)) {
          const cells = shares.map((share) => {
            const isHole = mask(share);
            let holes = 0;
            const x = field.map((value, i) => {
              if (!isHole(i % side, Math.floor(i / side))) return value;
              holes++;
              return fill;
            });
            const bits = bitsOf(x, options);
            const part = holes / x.length;
            const ideal = whole * (1 - part) + (name === "scattered" ? entropyOf(part) : 0);
            return `${(32 / bits).toFixed(1)} (${(ideal / bits).toFixed(2)})`;
          });
          table.push([`${name}, ${fill}`, ...cells]);
        }
      }
      console.log(table.toString());
    }
  }
}
