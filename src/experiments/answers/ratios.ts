/** The ratio of each layer and of the network over whole runs, and not at their best moment. */
import type { SiteRecord } from "../../training/records.js";
import type { Answer, Evidence, VariantRuns } from "../answer.js";
import { epochRatios } from "../courses.js";
import { count, times } from "../formats.js";
import { mean } from "../statistics.js";
import { accuracyTable, courseFigures, measuredOf, ratioWords } from "./accuracy.js";

interface LayerRatio {
  site: string;
  /** Over all collections together, and the extremes of single ones. */
  ratio: number;
  least: number;
  most: number;
  share: number;
}

export function layerRatios({ runs }: VariantRuns): LayerRatio[] {
  const sites = new Map<string, { raw: number; packed: number; ratios: number[] }>();
  const records = [...runs.values()].flatMap((run) =>
    run.records.filter((record): record is SiteRecord => record.kind === "sites"),
  );
  for (const { name, rawBytes, packedBytes } of records.flatMap((record) => record.sites)) {
    // A site without bytes of its own is made from another one.
    if (packedBytes === 0) continue;
    const seen = sites.get(name) ?? { raw: 0, packed: 0, ratios: [] };
    sites.set(name, seen);
    seen.raw += rawBytes;
    seen.packed += packedBytes;
    seen.ratios.push(rawBytes / packedBytes);
  }
  const packed = [...sites.values()].reduce((sum, site) => sum + site.packed, 0);
  return [...sites].map(([site, seen]) => ({
    site,
    ratio: seen.raw / seen.packed,
    least: seen.ratios.reduce((a, b) => Math.min(a, b)),
    most: seen.ratios.reduce((a, b) => Math.max(a, b)),
    share: seen.packed / packed,
  }));
}

export function ratios({ experiment, variants }: Evidence): Answer {
  const measured = measuredOf(variants);
  const layered = variants
    .map((variant) => ({ label: variant.label, layers: layerRatios(variant) }))
    .filter(({ layers }) => layers.length > 0);
  const epochs = variants.flatMap(({ label, runs }) => {
    const all = [...runs.values()].map(epochRatios);
    if (all.every((course) => course.length === 0)) return [];
    const numbers = [...new Set(all.flat().map(({ epoch }) => epoch))];
    return numbers.map((epoch) => {
      const found = all.flat().filter((each) => each.epoch === epoch);
      return [label, String(epoch + 1), times(mean(found.map(({ ratio }) => ratio)))];
    });
  });
  return {
    tables: [
      accuracyTable(measured),
      {
        title: "Conv-input ratio of each epoch, mean over the seeds",
        head: ["", "epoch", "ratio"],
        rows: epochs,
      },
      ...layered.map(({ label, layers }) => ({
        title: `${label}: each kept tensor over all collections of the whole run`,
        head: ["saved tensor", "ratio", "lowest", "highest", "share of the stored bytes"],
        rows: layers.map(({ site, ratio, least, most, share }) => [
          site,
          times(ratio),
          times(least),
          times(most),
          `${(100 * share).toFixed(1)} %`,
        ]),
      })),
    ],
    words: [
      ...ratioWords(measured, experiment.claim.ratio),
      ...layered.map(({ label, layers }) => {
        const low = layers.reduce((a, b) => (b.ratio < a.ratio ? b : a));
        const high = layers.reduce((a, b) => (b.ratio > a.ratio ? b : a));
        return `${label}: of ${count(layers.length, "kept tensor")}, ${low.site} shrinks least, ${times(low.ratio)}, and ${high.site} most, ${times(high.ratio)}.`;
      }),
    ],
    figures: [
      ...courseFigures(variants),
      ...layered.map(({ label, layers }, i) => ({
        kind: "layers" as const,
        name: `layer-ratio-${i + 1}`,
        title: `${label}: ratio of each kept tensor`,
        caption: "Float32 bytes ÷ stored bytes over all collections of the whole run.",
        x: "ratio",
        dots: layers.map(({ site, ratio }) => ({ layer: site, series: label, value: ratio })),
      })),
    ],
  };
}
