/** Broken implementations of the kernels of AC-GC, Gist and DIVISION. */
import type { Kernels } from "../../src/kernels/kernels.js";
import { referenceKernels as right } from "../../src/kernels/reference.js";
import type { fewerBitsLaws } from "../laws/fewer-bits.js";

/** What is wrong, and the kernel that does it. */
export const fewerBitsMutants: { [K in keyof typeof fewerBitsLaws]: [fault: string, Kernels[K]] } = {
  subtractMeans: [
    "takes the last block for the last rows",
    (y, x, means, s) => right.subtractMeans(y, x, means, { ...s, P: s.Q, Q: s.P }),
  ],
  addMeans: [
    "leaves the means out",
    (y, x, means, s) =>
      right.addMeans(
        y,
        x,
        means.map(() => 0),
        s,
      ),
  ],
  fixedCounts: [
    "counts codes as with signs",
    (counts, x, scales, bits, s, signed) => right.fixedCounts(counts, x, scales, bits, s, !signed),
  ],
  packFixed: [
    "rounds halves up",
    (packed, x, scales, bits, starts, s, form) => {
      const moved = x.map((value, i) => {
        const unit = scales[Math.floor(i / s.size) % s.C]! * 2 ** bits[Math.floor(i / s.size) % s.C]!;
        return Math.floor(value * unit + 0.5) / unit;
      });
      right.packFixed(packed, moved, scales, bits, starts, s, form);
    },
  ],
  unpackFixed: [
    "leaves the codes above 0 less by one",
    (x, packed, scales, bits, starts, s, form) => {
      right.unpackFixed(x, packed, scales, bits, starts, s, form);
      for (let i = 0; i < x.length; i++) if (form.sparse && x[i]! > 0) x[i] = x[i]! / 2;
    },
  ],
  narrowFloats: [
    "cuts numbers below the least normal one off",
    (packed, x, name) =>
      right.narrowFloats(
        packed,
        x.map((v) => (Math.abs(v) < 2 ** -6 ? 0 : v)),
        name,
      ),
  ],
  widenFloats: [
    "begins at the first number",
    (x, packed, name, { count }) => right.widenFloats(x, packed, name, { first: 0, count }),
  ],
  rowStarts: [
    "counts the numbers above 0",
    (starts, x) =>
      right.rowStarts(
        starts,
        x.map((value) => Math.max(value, 0)),
      ),
  ],
  packRows: [
    "numbers columns from 1",
    (columns, values, x, starts) => {
      right.packRows(columns, values, x, starts);
      for (let i = 0; i < columns.length; i++) columns[i]!++;
    },
  ],
  unpackRows: [
    "leaves what is not kept as it was",
    (x, columns, values, starts, skip) => {
      const before = x.slice();
      right.unpackRows(x, columns, values, starts, skip);
      for (let i = 0; i < x.length; i++) if (x[i] === 0) x[i] = before[i]!;
    },
  ],
  maskRows: [
    "begins at the highest bit",
    (mask, columns, starts) =>
      right.maskRows(
        mask,
        columns.map((column) => column ^ 7),
        starts,
      ),
  ],
};
