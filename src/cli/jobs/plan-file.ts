/**
 * plan.json: planned runs, and where their folders are. The processes that compute them, here or on other machines, read
 * it, so that every one of them runs exactly what was planned.
 */
import { readFileSync } from "node:fs";
import { DataError } from "../../error.js";
import { keyOf, type PlannedRun } from "../../experiments/planned-run.js";
import { writeAtomically } from "../../files/atomic.js";
import * as is from "../../files/shape.js";
import { type DataSource, type Manifest, settingsShape } from "../../runs/manifest.js";

/** This number grows when older versions could not read the file. */
const planVersion = 1;

export interface Plan {
  version: typeof planVersion;
  /** Where new runs are written. */
  out: string;
  /** Folders in which runs are looked for as well. */
  adopt: string[];
  /** Whether runs of other code count. */
  anyCode: boolean;
  runs: PlannedRun[];
}

const remedy = "plan again";

const planShape = is.object<Plan>({
  version: is.oneOf(planVersion),
  out: is.text,
  adopt: is.list(is.text),
  anyCode: is.flag,
  runs: is.list(
    is.object<PlannedRun>({
      label: is.text,
      seed: is.number,
      key: is.text,
      settings: settingsShape,
      data: is.object<DataSource>(
        { source: is.text, image: is.number, skipBad: is.flag, maxPixels: is.number },
        ["maxPixels"],
      ),
      hash: is.text,
      steps: is.count,
      measured: is.object<Manifest["measured"]>({ probeEvery: is.count, auditEvery: is.count }),
      checkpointEvery: is.count,
    }),
  ),
});

export const writePlan = (path: string, plan: Omit<Plan, "version">): void =>
  writeAtomically(path, `${JSON.stringify({ version: planVersion, ...plan }, null, 2)}\n`);

/** Throws a DataError for a file that is missing or damaged, or whose keys are not those of its settings. */
export function readPlan(path: string): Plan {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const got = String((cause as NodeJS.ErrnoException).code);
    throw new DataError({ where: path, expected: "a plan of runs", got, remedy });
  }
  const plan = is.check(is.parseJson(text, path, remedy), planShape, path, remedy);
  const wrong = plan.runs.findIndex(
    ({ settings, hash, data, key }) => keyOf(settings, hash, data.image) !== key,
  );
  if (wrong < 0) return plan;
  throw new DataError({
    where: `${path}: runs[${wrong}].key`,
    expected: "the key of these settings",
    got: plan.runs[wrong]!.key,
    remedy,
  });
}
