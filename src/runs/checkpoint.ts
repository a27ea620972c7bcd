/**
 * Checkpoints: all that the rest of a run depends on, in a folder that exists whole or not at all.
 *
 *   RUN/checkpoints/epoch1-batch20/   20 batches of epoch 1 are done (epochs count from 0)
 *     weights.safetensors             parameters and running statistics, by PyTorch's names
 *     momentum.safetensors            the optimiser's tensors, by their parameters' names
 *     average.safetensors             the weights' moving average, if the run has one
 *     state.json                      everything else: see State
 *     SHA256SUMS                      the sums of these files, which `sha256sum -c` can check too
 *
 * There is no state of a random generator to save. Each random number is computed from the seed, a name and a counter
 * (src/rng.ts): the order of an epoch, the crop of an image, the dropout and the dither of a step.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../error.js";
import { makeFolderAtomically, removeFolderAtomically, writeAtomically } from "../files/atomic.js";
import { stringifyExactly } from "../files/exact.js";
import { makeFolder } from "../files/folder.js";
import { readSafetensors, writeSafetensors } from "../files/safetensors.js";
import { loadWeights, saveWeights } from "../models/weights.js";
import type { Position } from "../training/position.js";
import type { Session } from "../training/session.js";
import { parseState, type RunState, type State, stateVersion } from "./state.js";

/** A checkpoint on disk whose sums are right. */
export interface Checkpoint {
  path: string;
  state: State;
}

const sumsFile = "SHA256SUMS";

/** The number of checkpoints that are kept. If the last one is damaged, the one before it serves. */
const kept = 2;

export const checkpointsOf = (run: string): string => join(run, "checkpoints");

const nameOf = ({ epoch, batch }: Position): string => `epoch${epoch}-batch${batch}`;

/** The names of a run's checkpoints, the latest first. Whether they are whole is not checked. */
export async function listCheckpoints(run: string): Promise<string[]> {
  const found = (await readdir(checkpointsOf(run)).catch(() => [])).flatMap((name) => {
    const [, epoch, batch] = /^epoch(\d+)-batch(\d+)$/.exec(name) ?? [];
    return epoch ? [{ name, epoch: Number(epoch), batch: Number(batch) }] : [];
  });
  return found.sort((a, b) => b.epoch - a.epoch || b.batch - a.batch).map(({ name }) => name);
}

/** Adds a checkpoint to a run and removes those that are no longer needed. */
export async function writeCheckpoint(run: string, session: Session, so: RunState): Promise<void> {
  const name = nameOf(so.position);
  makeFolder(checkpointsOf(run));
  // A run that is stopped where it was resumed has this checkpoint already.
  if (!(await listCheckpoints(run)).includes(name)) {
    await makeFolderAtomically(join(checkpointsOf(run), name), (folder) => fill(folder, session, so));
  }
  await discardCheckpoints(run);
}

/** Removes the damaged checkpoints, and all others but the latest. */
export async function discardCheckpoints(run: string, damaged: readonly string[] = []): Promise<void> {
  const all = await listCheckpoints(run);
  const latest = all.filter((name) => !damaged.includes(name)).slice(0, kept);
  for (const name of all.filter((name) => !latest.includes(name))) {
    removeFolderAtomically(join(checkpointsOf(run), name));
  }
}

async function fill(folder: string, session: Session, so: RunState): Promise<void> {
  const { settings, model, optimizer, average, engine } = session;
  const { momentum, meanGradient } = optimizer.state;
  const state: State = {
    version: stateVersion,
    ...so,
    settings,
    store: engine.store.controller?.state?.() ?? null,
    meanGradient: [...meanGradient],
  };
  await saveWeights(model, join(folder, "weights.safetensors"));
  await writeSafetensors(join(folder, "momentum.safetensors"), momentum);
  if (average) await writeSafetensors(join(folder, "average.safetensors"), average.state());
  writeAtomically(join(folder, "state.json"), stringifyExactly(state));
  writeAtomically(join(folder, sumsFile), await sumsOf(folder));
}

/** The sums of all files in a folder, as sha256sum prints them. */
async function sumsOf(folder: string): Promise<string> {
  let lines = "";
  for (const file of (await readdir(folder)).filter((name) => name !== sumsFile).sort()) {
    const hash = createHash("sha256");
    for await (const part of createReadStream(join(folder, file))) hash.update(part as Buffer);
    lines += `${hash.digest("hex")}  ${file}\n`;
  }
  return lines;
}

/** Throws a DataError unless every byte is the one that was written. */
export async function readCheckpoint(run: string, name: string): Promise<Checkpoint> {
  const path = join(checkpointsOf(run), name);
  const damaged = (got: string) =>
    new DataError({ where: path, expected: "a whole checkpoint", got, remedy: `remove ${path}` });
  let [wanted, found]: [string[], string[]] = [[], []];
  try {
    wanted = (await readFile(join(path, sumsFile), "utf8")).split("\n");
    found = (await sumsOf(path)).split("\n");
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause));
  }
  const wrong = [...wanted, ...found].find((line) => !(wanted.includes(line) && found.includes(line)));
  if (wrong !== undefined) {
    throw damaged(`a ${wrong.slice(66) || "list of sums"} that is not what ${sumsFile} says, or is missing`);
  }
  const file = join(path, "state.json");
  return { path, state: parseState(await readFile(file, "utf8"), file) };
}

/** Gives a new session of the same model the checkpoint's weights and momentum, but not its controller's state. */
export async function restoreNetwork(session: Session, { path, state }: Checkpoint): Promise<void> {
  const { model, optimizer } = session;
  await loadWeights(model, join(path, "weights.safetensors"));
  const { tensors } = await readSafetensors(join(path, "momentum.safetensors"));
  optimizer.restore({
    momentum: tensors,
    meanGradient: new Map(state.meanGradient),
  });
}

/** Brings a new session of the same settings to the position of the checkpoint. */
export async function restore(session: Session, checkpoint: Checkpoint): Promise<void> {
  const { model, average, engine } = session;
  const { path, state } = checkpoint;
  await restoreNetwork(session, checkpoint);
  if (state.store !== null) engine.store.controller?.restore?.(state.store, model.allParameters());
  if (average) {
    const { tensors: averages } = await readSafetensors(join(path, "average.safetensors"));
    average.restore(new Map([...averages].map(([name, { data }]) => [name, data])));
  }
}
