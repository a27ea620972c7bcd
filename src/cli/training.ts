/** Runs one training, new or resumed: its folder, its progress line and its end. */
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import { mostPixels } from "../data/picture.js";
import type { Profile } from "../device/kernel-module.js";
import { DiskError } from "../error.js";
import { type Checkpoint, discardCheckpoints, restore, writeCheckpoint } from "../runs/checkpoint.js";
import { codeOfThis } from "../runs/code.js";
import { recordsOf } from "../runs/log.js";
import { type DataSource, type Manifest, manifestVersion } from "../runs/manifest.js";
import { checkData, findStanding, nothingLeft, settingsToGoOn } from "../runs/resume.js";
import { type Run, RunFolder, readRun } from "../runs/run.js";
import type { RunState } from "../runs/state.js";
import { Summarizer, type Summary } from "../runs/summary.js";
import { storeNamed } from "../stores/registry.js";
import type { TrainHooks } from "../training/hooks.js";
import { type Outcome, train } from "../training/loop.js";
import { endOf, type Position, stepsDone } from "../training/position.js";
import type { TrainRecord } from "../training/records.js";
import { createSession, type Session } from "../training/session.js";
import type { Settings } from "../training/settings.js";
import { asOptions, type Places } from "./options.js";
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

const versions = (): Manifest["versions"] => ({
  comet: version,
  node: process.version,
  arch: process.arch,
  processor: cpus()[0]?.model.trim() ?? "unknown",
  ...codeOfThis(),
});

/** `resnet8-comet-law-s1-20261123T141500` */
function runId(settings: Settings, started: Date): string {
  const { model, store, profile, seed } = settings;
  const time = started.toISOString().replace(/[-:]|\.\d+Z/g, "");
  const stored = storeNamed(store)?.slug?.(settings) ?? store;
  const parts = [model, stored, profile === "fused" ? profile : ""];
  return [...parts.filter((part) => part !== ""), `s${seed}`, time].join("-");
}

/** The peak of this process's resident memory in bytes, by the operating system's count. */
const residentPeak = (): number => process.resourceUsage().maxRSS * 1024;

/** Calls `use` with a session on a data set, and closes both afterwards. */
export async function inSession<T>(
  { source, image, skipBad, maxPixels = mostPixels }: DataSource,
  settings: Settings,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const dataset = await openDataset(source, { size: image, skipBad, maxPixels });
  try {
    const session = createSession(settings, dataset);
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  } finally {
    await dataset.close();
  }
}

/** `check` is given the data before anything is written. */
export async function runTraining(
  settings: Settings,
  places: Places,
  check: (dataset: Dataset) => void = () => {},
): Promise<Result> {
  const {
    data: source,
    image,
    skipBad,
    maxPixels,
    probeEvery,
    auditEvery,
    checkpointEvery,
    checkpoints,
  } = places;
  return inSession({ source, image, skipBad, maxPixels }, settings, (session) => {
    check(session.dataset);
    const { name, hash, train, test } = session.dataset;
    const started = new Date();
    const folder = RunFolder.create(places.out, {
      version: manifestVersion,
      id: runId(settings, started),
      versions: versions(),
      profile: session.engine.device.profile,
      threads: session.engine.kernels.threads,
      settings,
      data: { name, hash, train: train.length, test: test.length, source, image, skipBad, maxPixels },
      measured: { probeEvery, auditEvery },
      checkpointEvery: checkpoints ? checkpointEvery : null,
      started: started.toISOString(),
      ended: null,
      status: "running",
      error: null,
      steps: 0,
      testAccuracy: null,
      weights: null,
      residentPeakBytes: 0,
    });
    return trainIn(folder, session, nothingYet);
  });
}

/**
 * Resumes the run in the folder `path`. `asked`: the settings and places that were typed, without defaults. `say` prints
 * a message for the user.
 */
export async function resumeTraining(
  path: string,
  { data, checkpointEvery, checkpoints, json: _, ...asked }: Partial<Settings & Places>,
  say: (text: string) => void,
): Promise<Result> {
  const folder = RunFolder.open(path);
  try {
    const { manifest } = folder;
    const { checkpoint, log, damaged } = await findStanding(path);
    for (const { name, damage } of damaged) say(`${name} is damaged and left aside: ${damage}`);
    const settings = settingsToGoOn(path, manifest, checkpoint, asked);
    if (!settings) {
      if (existsSync(join(path, "report.html"))) throw nothingLeft(path, manifest.steps, manifest.steps);
      say(`${path} is complete: all ${manifest.steps} steps are done, and its report is written now`);
      return resultOf(readRun(path), checkpoint);
    }
    if (manifest.versions.comet !== version) {
      say(
        `${path} began with comet-ts ${manifest.versions.comet}, not ${version}: its weights may become others`,
      );
    }
    const images = manifest.data.train;
    const step = checkpoint ? stepsDone(checkpoint.state.position, settings, images) : 0;
    const end = endOf(settings, images);
    say(`${path}: ${step} of ${end} steps are done${step === end ? ", it is complete but for its end" : ""}`);
    const source = { ...manifest.data, ...(data === undefined ? {} : { source: data }) };
    return await inSession(source, settings, async (session) => {
      checkData(manifest, session.dataset);
      if (checkpoint) await restore(session, checkpoint);
      const unusable = damaged.map(({ name }) => name);
      await discardCheckpoints(path, unusable);
      const every = checkpoints === false ? null : (checkpointEvery ?? manifest.checkpointEvery);
      const resumed = { at: new Date().toISOString(), step, versions: versions() };
      const changes: Partial<Manifest> = {
        settings,
        threads: session.engine.kernels.threads,
        checkpointEvery: every,
        resumed: [...(manifest.resumed ?? []), resumed],
        ended: null,
        status: "running",
        error: null,
      };
      folder.begin(changes, log);
      return trainIn(folder, session, { ...nothingYet, ...checkpoint?.state, records: recordsOf(log, path) });
    });
  } finally {
    folder.close();
  }
}

/** The result of a finished run, from its files. */
function resultOf({ path, manifest, records }: Run, checkpoint: Checkpoint | null): Result {
  const { id, status, weights, profile, threads, residentPeakBytes, skipped = [] } = manifest;
  const summarizer = new Summarizer();
  for (const record of records) summarizer.add(record);
  const { summary } = summarizer;
  const seconds = checkpoint?.state.seconds ?? summary.stepSeconds;
  return {
    id,
    path,
    status,
    weights: weights ?? "",
    profile,
    threads,
    seconds,
    residentPeakBytes,
    skipped,
    summary,
  };
}

/** What earlier processes have done of the run. */
type Past = Omit<RunState, "log"> & { records: readonly TrainRecord[] };

const nothingYet: Past = {
  position: { epoch: 0, batch: 0 },
  skipped: [],
  seconds: 0,
  residentPeakBytes: 0,
  records: [],
};

/** The error of a full disk, with how to go on: the run has lost nothing. */
const goingOn = ({ where, got }: DiskError, path: string): DiskError =>
  new DiskError({
    where,
    expected: "space for what is written",
    got,
    remedy: `free space there, then go on with comet train --resume ${path}`,
  });

async function trainIn(folder: RunFolder, session: Session, past: Past): Promise<Result> {
  const { settings, dataset } = session;
  const { id, measured, checkpointEvery, profile, threads } = folder.manifest;
  const end = endOf(settings, dataset.train.length);
  const began = performance.now();
  const spent = () => ({
    seconds: past.seconds + (performance.now() - began) / 1000,
    residentPeakBytes: Math.max(past.residentPeakBytes, residentPeak()),
    skipped: [...new Set([...past.skipped, ...dataset.skipped])].sort(),
  });
  const progress = new Progress(
    settings.store,
    end,
    stepsDone(past.position, settings, dataset.train.length),
  );
  const summarizer = new Summarizer();
  for (const record of past.records) summarizer.add(record);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const onRecord = (record: TrainRecord) => {
    folder.append(record);
    summarizer.add(record);
    if (record.kind === "step") progress.step(record);
    else if (record.kind === "plan") progress.plan(record);
  };
  const onCheckpoint = (position: Position) =>
    writeCheckpoint(folder.path, session, { ...spent(), position, log: folder.mark() });
  const every = (n: number) => (step: number) => n > 0 && step % n === 0;
  let outcome: Outcome;
  try {
    const hooks: TrainHooks = {
      onRecord,
      probeAt: every(measured.probeEvery),
      auditAt: every(measured.auditEvery),
      // Pictures from the last audited step only.
      samplesAt: (step) => (step + measured.auditEvery >= end ? 2 : 0),
      signal: interrupt.signal,
      ...(checkpointEvery === null ? {} : { checkpointEvery, onCheckpoint }),
    };
    outcome = await train(session, hooks, past.position);
  } catch (error) {
    const { residentPeakBytes } = spent();
    const { steps } = summarizer.summary;
    const status = error instanceof DiskError ? "interrupted" : "failed";
    const told = error instanceof DiskError ? goingOn(error, folder.path) : (error as Error);
    try {
      folder.close({ status, error: asOptions(told.message), steps, residentPeakBytes });
    } catch {
      // The first error is the one to report.
    }
    throw told;
  } finally {
    progress.stop();
    process.removeListener("SIGINT", onSignal);
    process.removeListener("SIGTERM", onSignal);
  }
  const { summary } = summarizer;
  const status = outcome.aborted ? "interrupted" : "done";
  const { seconds, residentPeakBytes, skipped } = spent();
  const { weights, steps } = outcome;
  const { testAccuracy } = summary;
  folder.close({ status, steps, skipped, testAccuracy, weights, residentPeakBytes });
  return {
    id,
    path: folder.path,
    status,
    weights,
    profile,
    threads,
    seconds,
    residentPeakBytes,
    skipped,
    summary,
  };
}
