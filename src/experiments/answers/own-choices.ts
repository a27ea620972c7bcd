/**
 * What this implementation adds to the paper, on and off: dither, a bound by proof in place of zeros that a threshold
 * restores, and laws beyond convolutions.
 */
import type { AuditRecord, SampleRecord } from "../../training/records.js";
import type { Answer, Evidence, VariantRuns } from "../answer.js";
import { digits } from "../formats.js";
import { accuracyTable, courseFigures, differenceWords, measuredOf, ratioWords } from "./accuracy.js";
import { layerErrors } from "./gradient-errors.js";

/**
 * The largest |x − x̂| ÷ bound of the values above 0 of some samples, with the decoded values as they are, and with those
 * below the bound set to 0 (as recalled of the paper). Values below 0 may have a looser bound. Null without samples.
 */
export function reZeroed(samples: readonly Pick<SampleRecord, "bound" | "original" | "decoded">[]) {
  let [kept, zeroed, seen] = [0, 0, 0];
  for (const { bound, original, decoded } of samples.filter(({ bound }) => bound > 0)) {
    original.forEach((x, i) => {
      if (!(x > 0)) return;
      const value = decoded[i]!;
      kept = Math.max(kept, Math.abs(x - value) / bound);
      zeroed = Math.max(zeroed, Math.abs(x - (Math.abs(value) < bound ? 0 : value)) / bound);
      seen++;
    });
  }
  return seen > 0 ? { kept, zeroed, seen } : null;
}

const recordsOf = <Kind extends "audit" | "sample" | "probe">({ runs }: VariantRuns, kind: Kind) =>
  [...runs.values()].flatMap(({ records }) =>
    records.filter((record): record is Extract<typeof record, { kind: Kind }> => record.kind === kind),
  );

export function ownChoices({ variants }: Evidence): Answer {
  const measured = measuredOf(variants);
  const words = [...differenceWords(measured), ...ratioWords(measured)];
  const rows = variants
    .filter(({ runs }) => runs.size > 0)
    .map((variant) => {
      const audits: AuditRecord[] = recordsOf(variant, "audit").filter(({ frames }) => frames > 0);
      const worst = audits.reduce((most, audit) => Math.max(most, audit.worst), 0);
      const moved = audits.reduce((sum, audit) => sum + audit.moved, 0);
      const values = audits.reduce((sum, audit) => sum + audit.values, 0);
      const ratios = layerErrors(recordsOf(variant, "probe")).map(
        ({ predicted, measured }) => predicted / measured,
      );
      const [least, most] = [
        ratios.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
        ratios.reduce((a, b) => Math.max(a, b), 0),
      ];
      const zeroing = reZeroed(recordsOf(variant, "sample"));
      if (zeroing) {
        words.push(
          `${variant.label}: in ${zeroing.seen} sampled values above 0, the largest error is ${digits(zeroing.kept)} of the bound; if decoded values below the bound were set to 0, it would be ${digits(zeroing.zeroed)}.`,
        );
      }
      return [
        variant.label,
        audits.length > 0 ? worst.toFixed(4) : "–",
        values > 0 ? `${((100 * moved) / values).toFixed(3)} %` : "–",
        zeroing ? digits(zeroing.zeroed) : "–",
        ratios.length > 0 ? `${digits(least)} … ${digits(most)}` : "–",
      ];
    });
  return {
    tables: [
      accuracyTable(measured),
      {
        title: "Errors of saved values and of gradients",
        head: [
          "",
          "worst error ÷ bound, all audited values",
          "zeros made or lost",
          "worst error ÷ bound of samples if re-zeroed",
          "predicted ÷ measured σ",
        ],
        rows,
      },
    ],
    words,
    figures: courseFigures(variants),
  };
}
