/**
 * A larger batch in the same memory: how large it may be, how many images a second it trains, and how long it takes to the
 * accuracy at which the first variant ends. Times are those of the machine that ran the runs.
 */
import type { Run } from "../../runs/run.js";
import type { Answer, Evidence, ResultTable } from "../answer.js";
import { epochsOf, stepMs, stepsOf } from "../courses.js";
import { count, digits, percent } from "../formats.js";
import { mean } from "../statistics.js";
import { accuracyTable, courseFigures, differenceWords, measuredOf } from "./accuracy.js";

/** What `comet max-batch --json` prints of one store. */
interface Largest {
  store: string;
  fit: boolean;
  batch: number;
  imagesPerSecond: number | null;
  noiseShare: number | null;
}

/**
 * The seconds of training until an epoch ends with this test accuracy: its steps times the time of a step. Null if no
 * epoch does.
 */
export function secondsTo(run: Run, accuracy: number): number | null {
  const reached = epochsOf(run).find(({ testAccuracy }) => testAccuracy >= accuracy);
  if (!reached) return null;
  const before = stepsOf(run).filter(({ epoch }) => epoch <= reached.epoch);
  return (before.length * stepMs(run)) / 1000;
}

/** Images a second in the steps of a run. */
export const speedOf = (run: Run): number => (1000 * run.manifest.settings.batch) / stepMs(run);

export function largerBatch({ variants, measurements }: Evidence): Answer {
  const measured = measuredOf(variants);
  const answer: Answer = { tables: [], words: [], figures: courseFigures(variants) };
  const rows = measurements.flatMap(({ label, command, found }) =>
    (found as Largest[]).map((row) => ({
      ...row,
      label: row.fit ? `${label}, --fit` : label,
      // Where the largest batch that was tried trained, a larger one may too.
      capped: row.batch === Number(command[command.indexOf("--most") + 1]),
    })),
  );
  const [first, ...others] = rows;
  if (first) {
    answer.tables.push({
      title: "The largest batch in a budget of memory",
      head: ["", "store", "largest batch", "images a second", "gradient noise ÷ the law’s"],
      note: "≥: no larger batch was tried. With --fit, bounds become looser than the law’s until a batch fits.",
      rows: rows.map(({ label, store, batch, capped, imagesPerSecond, noiseShare }) => [
        label,
        store,
        `${capped ? "≥ " : ""}${batch}`,
        imagesPerSecond === null ? "–" : imagesPerSecond.toFixed(2),
        noiseShare === null ? "–" : digits(noiseShare),
      ]),
    });
    for (const { label, batch, capped, imagesPerSecond, noiseShare } of others) {
      if (first.imagesPerSecond === null || imagesPerSecond === null) continue;
      const size = `${capped ? "at least " : ""}${digits(batch / first.batch)}`;
      const noise = noiseShare === null ? "" : `, with ${digits(noiseShare)} times the law’s gradient noise`;
      answer.words.push(
        `“${label}” trains batches ${size} times as large as “${first.label}”, at ${digits(imagesPerSecond / first.imagesPerSecond)} times its images a second${noise}.`,
      );
    }
  }
  const goal =
    measured[0] && measured[0].accuracies.size > 0 ? mean([...measured[0].accuracies.values()]) : null;
  if (goal !== null) {
    const times: ResultTable = {
      title: `Time to ${percent(goal)}, the mean accuracy at which ${measured[0]!.label} ends`,
      head: ["", "batch", "device, peak, MiB", "images a second", "seconds of steps to that accuracy"],
      rows: [],
    };
    for (const { label, runs } of variants.filter(({ runs }) => runs.size > 0)) {
      const all = [...runs.values()];
      const speeds = all.map(speedOf);
      const reached = all.flatMap((run) => secondsTo(run, goal) ?? []);
      const peak = measured.find((each) => each.label === label)!.devicePeakBytes;
      times.rows.push([
        label,
        String(all[0]!.manifest.settings.batch),
        (peak / 2 ** 20).toFixed(1),
        mean(speeds).toFixed(1),
        reached.length > 0
          ? `${mean(reached).toFixed(1)} (${reached.length} of ${count(all.length, "seed")})`
          : "not reached",
      ]);
    }
    answer.tables.push(times, accuracyTable(measured));
    answer.words = [...answer.words, ...timeWords(variants, goal), ...differenceWords(measured)];
  }
  return answer;
}

/** How long each variant takes to the accuracy of the first, which takes its whole run. */
function timeWords(variants: Evidence["variants"], goal: number): string[] {
  const timesOf = ({ runs }: (typeof variants)[number]) =>
    [...runs.values()].flatMap((run) => secondsTo(run, goal) ?? []);
  const [first, ...others] = variants.filter(({ runs }) => runs.size > 0);
  if (!first) return [];
  const base = mean([...first.runs.values()].map((run) => (stepsOf(run).length * stepMs(run)) / 1000));
  return others.map((variant) => {
    const found = timesOf(variant);
    const to = `${percent(goal)}, the accuracy at which “${first.label}” ends`;
    return found.length === 0
      ? `“${variant.label}” does not reach ${to}.`
      : `“${variant.label}” takes ${digits(mean(found) / base)} times the whole time of “${first.label}” to ${to}, in ${found.length} of ${count(variant.runs.size, "seed")}.`;
  });
}
