/**
 * What a store costs in time, by its parts, from what `comet memory --json` printed; and what the interval W between two
 * collections of statistics costs and gives, from whole runs.
 */
import type { Answer, Evidence, ResultTable } from "../answer.js";
import { collecting, stepsOf } from "../courses.js";
import { bytes, percent } from "../formats.js";
import { mean } from "../statistics.js";
import { accuracyTable, courseFigures, differenceWords, measuredOf, ratioWords } from "./accuracy.js";

/** What this reads of a row of `comet memory --json`. */
export interface MemoryRow {
  store: string;
  last: { savedPeakBytes: number; devicePeakBytes: number };
  residentPeakBytes: number;
  /** The time of a step in a long training, by the medians of steps that collect statistics and of others. */
  longMs: number;
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
        "a step in a long run",
        `÷ ${first.label}`,
        "saved, peak",
      ],
      note: "The parts are means of the measured steps, and statistics, which are collected more often at first, are in “everything else”. A step in a long run is made of the median steps with and without collecting, one of W with it.",
      rows: rows.map(({ label, parts, longMs, last }) => {
        const { packMs, unpackMs, recomputeMs, stepMs } = parts;
        const rest = stepMs - packMs - unpackMs - recomputeMs;
        return [
          label,
          ...[packMs, unpackMs, recomputeMs, rest, stepMs, longMs].map((ms) => ms.toFixed(1)),
          (longMs / first.longMs).toFixed(2),
          bytes(last.savedPeakBytes),
        ];
      }),
    });
    for (const { label, parts, longMs } of rows) {
      const own = parts.packMs + parts.unpackMs + parts.recomputeMs;
      if (own / parts.stepMs < 0.005) continue;
      answer.words.push(
        `“${label}” spends ${percent(own / parts.stepMs)} of a step on packing, unpacking and recomputing. In a long run its steps take ${(longMs / first.longMs).toFixed(2)} times as long as those of “${first.label}”.`,
      );
    }
  }
  if (measured.length > 0) {
    answer.tables.push(collectingTable(variants), accuracyTable(measured));
    answer.words = [...answer.words, ...differenceWords(measured), ...ratioWords(measured)];
  }
  return answer;
}

/** What collecting costs in whole runs: how many steps collect, and how much longer each takes. */
function collectingTable(variants: Evidence["variants"]): ResultTable {
  const rows = variants.flatMap(({ label, runs }) => {
    const all = [...runs.values()].flatMap((run) => {
      const found = collecting(run);
      return found ? [{ ...found, of: stepsOf(run).length }] : [];
    });
    if (all.length === 0) return [];
    const middle = (of: (each: (typeof all)[number]) => number) => mean(all.map(of));
    const cost = ({ steps, collectingMs, otherMs, of }: (typeof all)[number]) =>
      (steps * (collectingMs - otherMs)) / (of * otherMs);
    return [
      [
        label,
        String(Math.round(middle(({ steps }) => steps))),
        middle(({ collectingMs }) => collectingMs).toFixed(1),
        middle(({ otherMs }) => otherMs).toFixed(1),
        percent(middle(cost)),
      ],
    ];
  });
  return {
    title: "Whole runs: collecting statistics",
    head: ["", "steps that collect", "ms of such a step", "ms of another", "what collecting adds to the run"],
    note: "Medians of the steps of a run, means over the seeds.",
    rows,
  };
}
