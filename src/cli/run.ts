/** One training run with its folder, its progress line and its end, good or bad. */
import { readFileSync } from "node:fs";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import type { Profile } from "../device/module.js";
import type { TrainRecord } from "../records.js";
import { type Manifest, manifestVersion, RunFolder } from "../run.js";
import { createSession, type Settings } from "../session.js";
import { Summarizer, type Summary } from "../summary.js";
import { type Outcome, totalSteps, train } from "../train.js";
import type { Places } from "./options.js";
import { Progress } from "./progress.js";

export interface Result {
  id: string;
  path: string;
  status: Manifest["status"];
  weights: string;
  profile: Profile;
  threads: number;
  seconds: number;
  residentPeakBytes: number;
  skipped: readonly string[];
  summary: Summary;
}

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** `resnet8-comet-law-s1-20261123T141500` */
function runId({ model, store, policy, profile, seed }: Settings, started: Date): string {
  const time = started.toISOString().replace(/[-:]|\.\d+Z/g, "");
  const parts = [model, store, store === "comet" ? policy : "", profile === "fused" ? profile : ""];
  return [...parts.filter((part) => part !== ""), `s${seed}`, time].join("-");
}

/** The most memory the operating system has counted for this process, in bytes. */
const residentPeak = (): number => process.resourceUsage().maxRSS * 1024;

export async function runTraining(settings: Settings, places: Places): Promise<Result> {
  const dataset = await openDataset(places.data, { size: places.image, skipBad: places.skipBad });
  try {
    return await runOn(dataset, settings, places);
  } finally {
    await dataset.close();
  }
}

async function runOn(dataset: Dataset, settings: Settings, places: Places): Promise<Result> {
  const session = createSession(settings, dataset);
  const started = new Date();
  const folder = new RunFolder(places.out, {
    version: manifestVersion,
    id: runId(settings, started),
    versions: { comet: version, node: process.version, arch: process.arch },
    profile: session.engine.device.profile,
    threads: session.engine.kernels.threads,
    settings,
    data: { name: dataset.name, hash: dataset.hash, train: dataset.train.length, test: dataset.test.length },
    started: started.toISOString(),
    ended: null,
    status: "running",
    error: null,
    steps: 0,
    testAccuracy: null,
    weights: null,
    residentPeakBytes: 0,
  });
  const steps = Math.min(totalSteps(session), settings.stopAfter || Number.POSITIVE_INFINITY);
  const progress = new Progress(settings.store, steps);
  const summarizer = new Summarizer();
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const onRecord = (record: TrainRecord) => {
    folder.append(record);
    summarizer.add(record);
    if (record.kind === "step") progress.step(record);
  };
  const every = (n: number) => (step: number) => n > 0 && step % n === 0;
  let outcome: Outcome;
  try {
    outcome = await train(session, {
      onRecord,
      probeAt: every(places.probeEvery),
      auditAt: every(places.auditEvery),
      // Pictures from the last audited step only.
      samplesAt: (step) => (step + places.auditEvery >= steps ? 2 : 0),
      signal: interrupt.signal,
    });
  } catch (error) {
    folder.close({
      status: "failed",
      error: (error as Error).message,
      steps: summarizer.summary.steps,
      residentPeakBytes: residentPeak(),
    });
    throw error;
  } finally {
    progress.stop();
    process.removeListener("SIGINT", onSignal);
    process.removeListener("SIGTERM", onSignal);
  }
  const { summary } = summarizer;
  const status = outcome.aborted ? "interrupted" : "done";
  const residentPeakBytes = residentPeak();
  folder.close({
    status,
    steps: outcome.steps,
    skipped: dataset.skipped,
    testAccuracy: summary.testAccuracy,
    weights: outcome.weights,
    residentPeakBytes,
  });
  return {
    id: folder.manifest.id,
    path: folder.path,
    status,
    weights: outcome.weights,
    profile: folder.manifest.profile,
    threads: folder.manifest.threads,
    seconds: (Date.now() - started.getTime()) / 1000,
    residentPeakBytes,
    skipped: dataset.skipped,
    summary,
  };
}
