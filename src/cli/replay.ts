/** `comet replay RUN`: computes a run again from its manifest and compares it with what was recorded. */

import type { Command } from "commander";
import { NumericError, UsageError } from "../error.js";
import { checkData } from "../runs/resume.js";
import { readRun } from "../runs/run.js";
import { train } from "../training/loop.js";
import type { TrainRecord } from "../training/records.js";
import { Progress } from "./progress.js";
import { inSession } from "./training.js";

interface ReplayOptions {
  data?: string;
  threads?: string;
}

export function registerReplay(program: Command): void {
  program
    .command("replay")
    .description("compute a run once more; it must have the same losses and weights")
    .argument("<run>", "a folder that comet train wrote, e.g. runs/ID")
    .option("--data <path>", "where its data is now (e.g. --data ./photos)")
    .option("--threads <n>", "other than it had; results do not depend on it (e.g. --threads 2)")
    .addHelpText("after", "\nExample:\n  comet replay runs/lenet-comet-law-s1-20261123T141500 --threads 1")
    .action(async (path: string, options: ReplayOptions) => {
      process.stdout.write(`${await replay(path, options)}\n`);
    });
}

/** Returns the text to print. Throws a NumericError that names the first step or epoch with another result. */
async function replay(path: string, { data, threads }: ReplayOptions): Promise<string> {
  const { manifest, records } = readRun(path);
  const recorded = new Map(records.flatMap(fingerprint));
  const steps = records.filter(({ kind }) => kind === "step").length;
  if (steps === 0) {
    throw new UsageError({
      where: path,
      expected: "a run of at least one step",
      got: "none",
      remedy: "train it first",
    });
  }
  const settings = {
    ...manifest.settings,
    threads: Number(threads ?? manifest.threads),
    // The replay ends where the run ended.
    stopAfter: steps,
  };
  const source = { ...manifest.data, source: data ?? manifest.data.source };
  return inSession(source, settings, async (session) => {
    checkData(manifest, session.dataset);
    const progress = new Progress("replay", steps, 0);
    let epochs = 0;
    const onRecord = (record: TrainRecord) => {
      if (record.kind === "step") progress.step(record);
      for (const [what, value] of fingerprint(record)) {
        // A run that was cut short has no evaluation of its last epoch.
        const before = recorded.get(what) ?? value;
        if (before !== value) throw differs(what, before, value);
        if (record.kind === "epoch" && recorded.has(what)) epochs++;
      }
    };
    try {
      const { weights } = await train(session, { onRecord });
      return `${path} repeats: ${steps} losses, weights after ${epochs} epochs\nweights  ${weights}`;
    } finally {
      progress.stop();
    }
  });
}

/** The values of a record that must be the same again, by name. */
function fingerprint(record: TrainRecord): [place: string, value: number | string][] {
  if (record.kind === "step") return [[`step ${record.step}: loss`, record.loss]];
  return record.kind === "epoch" ? [[`epoch ${record.epoch}: weights`, record.weights]] : [];
}

const differs = (where: string, before: number | string, now: number | string): NumericError =>
  new NumericError({
    where,
    expected: `${before}, as recorded`,
    got: String(now),
    remedy: "compare the versions in the manifest: a run of one comet-ts must repeat to the bit",
  });
