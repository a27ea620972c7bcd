/**
 * What a store costs in time, by its parts, from what `comet memory --json` printed; and what the interval W between two
 * collections of statistics costs and gives, from whole runs.
 */
import type { Answer, Evidence } from "../answer.js";
import { bytes, percent } from "../formats.js";
import { accuracyTable, courseFigures, differenceWords, measuredOf, ratioWords } from "./accuracy.js";

/** What this reads of a row of `comet memory --json`. */
export interface MemoryRow {
  store: string;
  last: { savedPeakBytes: number; devicePeakBytes: number };
  residentPeakBytes: number;
  ms: number;
  parts: { packMs: number; unpackMs: number; recomputeMs: number; stepMs: number };
}

/** The rows of all measurements, each with the measurement's label. */
const memoryRows = (measurements: Evidence["measurements"]): (MemoryRow & { label: string })[] =>
  measurements.flatMap(({ label, found }) => (found as MemoryRow[]).map((row) => ({ ...row, label })));

export function overhead({ variants, measurements }: Evidence): Answer {
  const measured = measuredOf(variants);
  const answer: Answer = { tables: [], words: [], figures: courseFigures(variants) };
  const rows = memoryRows(measurements);
  const [first] = rows;
  if (first) {
    answer.tables.push({
      title: "Milliseconds of a step, mean",
      head: [
        "store",
        "packing",
        "unpacking",
        "recomputing",
        "everything else",
        "whole step",
        `÷ ${first.label}`,
        "saved, peak",
      ],
      rows: rows.map(({ label, parts, last }) => {
        const { packMs, unpackMs, recomputeMs, stepMs } = parts;
        const rest = stepMs - packMs - unpackMs - recomputeMs;
        return [
          label,
          ...[packMs, unpackMs, recomputeMs, rest, stepMs].map((ms) => ms.toFixed(1)),
          (stepMs / first.parts.stepMs).toFixed(2),
          bytes(last.savedPeakBytes),
        ];
      }),
    });
    for (const { label, parts } of rows) {
      const own = parts.packMs + parts.unpackMs + parts.recomputeMs;
      if (own / parts.stepMs < 0.005) continue;
      answer.words.push(
        `“${label}” spends ${percent(own / parts.stepMs)} of a step on packing, unpacking and recomputing. What it adds elsewhere, such as collecting statistics, is in “everything else”.`,
      );
    }
  }
  if (measured.length > 0) {
    answer.tables.push(accuracyTable(measured));
    answer.words = [...answer.words, ...differenceWords(measured), ...ratioWords(measured)];
  }
  return answer;
}
