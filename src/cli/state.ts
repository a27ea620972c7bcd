/** The state of a run from which commands measure stores: its last checkpoint, with its network, its data and its batch. */
import type { Command } from "commander";
import { DataError, UsageError } from "../error.js";
import type { Checkpoint } from "../runs/checkpoint.js";
import { readManifest } from "../runs/manifest.js";
import { findStanding } from "../runs/resume.js";
import { stepsDone, totalSteps } from "../training/position.js";
import { type Settings, scheduleOf } from "../training/settings.js";

/** What decides the batches of a run. */
export interface Begun {
  model: string;
  batch: number;
  data: string;
  image: number;
}

/**
 * The options that a run decides, for `--from`: a UsageError if the user typed one of these. The run's profile is only the
 * default.
 */
export function begunAs(run: string, command: Command): Begun & Pick<Settings, "profile"> {
  const { settings, data } = readManifest(run);
  const typedProfile = command.getOptionValueSource("profile") === "cli";
  const profile = typedProfile ? command.opts().profile : settings.profile;
  const begun = { model: settings.model, batch: settings.batch, data: data.source, image: data.image };
  const typed = Object.keys(begun).find((name) => command.getOptionValueSource(name) === "cli");
  if (typed === undefined) return { ...begun, profile };
  throw new UsageError({
    where: `--${typed}`,
    expected: "none with --from: the run's own is taken",
    got: String(command.opts()[typed]),
    remedy: "leave one of the two out",
  });
}

/** The last checkpoint of a run. */
export async function lastOf(run: string): Promise<Checkpoint> {
  const { checkpoint } = await findStanding(run);
  if (checkpoint) return checkpoint;
  throw new DataError({
    where: "--from",
    expected: "a run with a checkpoint",
    got: `${run}, which has none`,
    remedy: "let comet train write one: it does after each epoch and where it stops",
  });
}

/** Settings for some steps more, at the learning rate of the run's last step. */
export function behind(
  { state: { settings, position } }: Checkpoint,
  steps: number,
  images: number,
): Settings {
  const done = stepsDone(position, settings, images);
  const last = scheduleOf(settings)(Math.max(0, done - 1), totalSteps(settings, images));
  return {
    ...settings,
    lr: settings.lr * last,
    schedule: "constant",
    warmup: 0,
    epochs: position.epoch + 1 + steps,
    steps: 0,
    stopAfter: done + steps,
  };
}
