/** The data of a report: what its figures draw. It is read out of the file; nothing in the file is run. */
import { DataError } from "../../../src/error.js";
import * as is from "../../../src/files/shape.js";
import type { PageData, RunData } from "../../../src/report/series.js";

const remedy = "open the report.html of a run, or write it again with `comet report`";

const steps = is.object<RunData["steps"]>({
  step: is.measurements,
  loss: is.measurements,
  smoothLoss: is.measurements,
  smoothAccuracy: is.measurements,
  savedPeakBytes: is.measurements,
});

/** What is needed to tell a report from other pages. A figure whose own data are damaged says so in its place. */
const shape = is.list(
  is.object<Pick<RunData, "label" | "steps" | "epochs" | "sites" | "samples" | "probes">>({
    label: is.text,
    steps,
    epochs: is.list(is.object({ step: is.measured, loss: is.measured, accuracy: is.measured })),
    sites: listed(),
    samples: listed(),
    probes: listed(),
  }),
);

function listed<T>(): is.Shape<T[]> {
  return is.one("a list", Array.isArray);
}

/**
 * `name` is the file's, for errors. Throws a DataError if the text is not a whole report. The text is searched and not
 * parsed as a page: a browser would complain of the styles in it, which this site's policy forbids.
 */
export function readReport(name: string, text: string): PageData {
  const [, data] = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(text) ?? [];
  if (data === undefined) {
    const [, title] = /<title>([^<]*)<\/title>/.exec(text) ?? [];
    const got =
      title === undefined ? `${text.length} characters without one` : `a page with the title "${title}"`;
    throw new DataError({ where: name, expected: "a report with its data", got, remedy });
  }
  const value = is.parseJson(data, name, remedy) as PageData;
  if (!is.isRecord(value)) {
    throw new DataError({ where: name, expected: "a report with its data", got: is.shown(value), remedy });
  }
  is.check(value.runs, shape, name, remedy);
  return value;
}

/** One set of data for all reports. Runs with one name are told apart by their files. */
export function joined(reports: readonly { name: string; data: PageData }[]): PageData {
  const runs = reports.flatMap(({ name, data }) => data.runs.map((run) => ({ name, run })));
  const labels = runs.map(({ run }) => run.label);
  const named = runs.map(({ name, run }, i) =>
    labels.filter((label) => label === labels[i]).length > 1 ? `${run.label} (${name})` : run.label,
  );
  const comparison = reports.find(({ data }) => data.comparison)?.data.comparison;
  return {
    runs: runs.map(({ run }, i) => {
      const again = named.indexOf(named[i]!) < i;
      // Reports of earlier versions have no holders.
      const { holders = null } = run as Partial<RunData>;
      return { ...run, holders, label: again ? `${named[i]} #${i + 1}` : named[i]! };
    }),
    stride: Math.max(1, ...reports.map(({ data }) => data.stride)),
    horizon: Math.max(1, ...reports.map(({ data }) => data.horizon)),
    ...(comparison ? { comparison } : {}),
  };
}
