/**
 * Turns a store's knob until a figure of it meets a target. The figure moves with the knob in one direction. A knob that
 * is any number is bracketed and halved in logarithms (the middle of a and b is √ab); of a few values, the nearest one
 * from below is taken: as much noise, or as many bytes, as the target allows and no more.
 */
import { type Complaint, MemoryError, NumericError, UsageError } from "../../error.js";
import type { Knob } from "../../stores/kind.js";

/** What is to be equal. */
export interface Goal {
  readonly equal: "noise" | "bytes";
  readonly target: number;
}

/** What a trial finds. */
interface Figures {
  readonly noise: number;
  readonly savedBytes: number;
}

export interface Tuned<Trial> {
  readonly trial: Trial;
  /** How far it is from the target, in words. */
  readonly note: string;
  /** Why the target was not reached: the trial is that of the knob's limit. Null if it was reached. */
  readonly unreached: Complaint | null;
}

const reached = <Trial>(trial: Trial, note: string): Tuned<Trial> => ({ trial, note, unreached: null });

/** A knob that is any number ends this close to the target. */
const tolerance: Readonly<Record<Goal["equal"], number>> = { noise: 0.02, bytes: 0.01 };

/** The most trials of a knob that is any number. */
const mostTries = 14;

/** Above 1 where the knob is too loose for the target noise, or looser than the target bytes need. */
const looseness = ({ equal, target }: Goal, { noise, savedBytes }: Figures): number =>
  equal === "noise" ? noise / target : target / savedBytes;

/** Not above the target. */
const below = (goal: Goal, ratio: number): boolean =>
  goal.equal === "noise" ? ratio <= 1 + tolerance.noise : ratio >= 1 - tolerance.bytes;

const figure = ({ equal }: Goal, { noise, savedBytes }: Figures): string =>
  equal === "noise" ? noise.toExponential(2) : `${Math.round(savedBytes)} bytes an image`;

const wanted = ({ equal, target }: Goal): string =>
  equal === "noise"
    ? `a gradient noise of ${target.toExponential(2)}`
    : `${Math.round(target)} saved bytes an image`;

/**
 * `store` names it in errors. `start`: where the knob stands. Throws a UsageError if no position of the knob that is at or
 * near the target has gradients that are numbers.
 */
export async function tune<Trial extends Figures>(
  store: string,
  knob: Knob | null,
  start: unknown,
  goal: Goal,
  at: (value: unknown) => Promise<Trial>,
): Promise<Tuned<Trial>> {
  if (knob === null) return untuned(store, goal, await at(null));
  if ("values" in knob) return amongValues(store, knob.setting, knob.values, goal, at);
  const sign = knob.direction === "rises" ? 1 : -1;
  // In units in which a larger number is looser.
  const loose = (value: number) => (sign === 1 ? value : 1 / value);
  const [least, most] = [loose(knob.least), loose(knob.most)].sort((a, b) => a - b) as [number, number];
  let [tight, wide] = [null, null] as [Step<Trial> | null, Step<Trial> | null];
  let position = Math.min(most, Math.max(least, loose(start as number)));
  for (let tries = 0; tries < mostTries; tries++) {
    const trial = await finite(at(loose(position)));
    const ratio = trial ? looseness(goal, trial) : Number.POSITIVE_INFINITY;
    if (trial && Math.abs(ratio - 1) <= tolerance[goal.equal]) return reached(trial, `${knob.setting} tuned`);
    if (trial && ratio < 1) tight = { position, trial };
    else wide = { position, trial };
    if ((tight === null && position === least) || (wide === null && position === most)) {
      const got = trial ? figure(goal, trial) : "gradients that are no numbers";
      return unreachable(store, goal, `${got} at ${knob.setting} ${loose(position)}, its limit`, trial);
    }
    // Noise is nearly proportional to a bound; bytes are not. Every third trial halves, whatever the guesses do.
    const proportional = goal.equal === "noise" && trial && ratio > 0 && tries % 3 < 2;
    const guess = proportional ? position / ratio : Number.NaN;
    position = nextPosition(tight?.position ?? null, wide?.position ?? null, guess, { least, most });
  }
  const [quiet, small] = [tight?.trial, wide?.trial];
  if (!quiet || !small) {
    const most = quiet ? `${figure(goal, quiet)} at most, and beyond that ` : "";
    return unreachable(store, goal, `${most}gradients that are no numbers`, quiet ?? null);
  }
  const nearest = goal.equal === "noise" ? quiet : small;
  return reached(
    nearest,
    `${knob.setting} tuned to the nearest from below, ${figure(goal, nearest)}: the figure jumps there`,
  );
}

interface Step<Trial> {
  readonly position: number;
  /** Null where the gradients were no numbers. */
  readonly trial: Trial | null;
}

/** Null where the errors were so large that the loss became no number: the knob is too loose there. */
const finite = <Trial>(trial: Promise<Trial>): Promise<Trial | null> =>
  trial.catch((error) => {
    if (error instanceof NumericError) return null;
    throw error;
  });

/** Null where a position of the knob has no figures: a loss that is no number, or more memory than there is. */
export const measurable = <Trial>(trial: Promise<Trial>): Promise<Trial | null> =>
  finite(trial).catch((error) => {
    if (error instanceof MemoryError) return null;
    throw error;
  });

/** The next position: the guess if it lies where the target must, else the middle, or a jump where one side is open. */
export function nextPosition(
  tight: number | null,
  wide: number | null,
  guess: number,
  { least, most }: { least: number; most: number },
): number {
  if (tight !== null && wide !== null) {
    const [low, high] = [tight * (wide / tight) ** 0.1, wide / (wide / tight) ** 0.1];
    return guess > low && guess < high ? guess : Math.sqrt(tight * wide);
  }
  const from = (tight ?? wide)!;
  const factor = guess > 0 ? Math.min(64, Math.max(1.05, guess / from, from / guess)) : 8;
  return tight === null ? Math.max(least, from / factor) : Math.min(most, from * factor);
}

/** `values` are in the order of rising noise. */
async function amongValues<Trial extends Figures>(
  store: string,
  setting: string,
  values: readonly unknown[],
  goal: Goal,
  at: (value: unknown) => Promise<Trial>,
): Promise<Tuned<Trial>> {
  let best: Trial | null = null;
  let seen: Trial | null = null;
  let [first, last] = [0, values.length - 1];
  while (first <= last) {
    const middle = (first + last) >> 1;
    const trial = await finite(at(values[middle]));
    seen = trial ?? seen;
    const fits = trial !== null && below(goal, looseness(goal, trial));
    if (fits) best = trial;
    // The most noise that fits, or the least noise in the bytes. Where gradients are no numbers, the knob is too loose.
    const looser = goal.equal === "noise" ? fits : trial !== null && !fits;
    if (looser) first = middle + 1;
    else last = middle - 1;
  }
  if (best) return reached(best, `${setting} has few values; the nearest from below: ${figure(goal, best)}`);
  const got = seen ? `at least ${figure(goal, seen)}` : "gradients that are no numbers";
  return unreachable(store, goal, `${got} with ${setting} ${values.join(", ")}`, seen);
}

/** A store without a knob is what it is: an exact one is a baseline, another one must be below the target as it is. */
function untuned<Trial extends Figures>(store: string, goal: Goal, trial: Trial): Tuned<Trial> {
  if (trial.noise === 0) return reached(trial, "exact, without a knob: as it is");
  if (below(goal, looseness(goal, trial)))
    return reached(trial, `without a knob: as it is, ${figure(goal, trial)}`);
  return unreachable(store, goal, `${figure(goal, trial)}, and no knob to turn`, trial);
}

/** The trial that is nearest to the target, with a complaint. Throws it if there is no trial. */
function unreachable<Trial>(store: string, goal: Goal, got: string, nearest: Trial | null): Tuned<Trial> {
  const unreached = {
    where: `--equal ${goal.equal}, store ${store}`,
    expected: wanted(goal),
    got,
    remedy: "leave this store out, or give another --target or another first store",
  };
  if (nearest === null) throw new UsageError(unreached);
  return { trial: nearest, note: `out of reach of ${wanted(goal)}: ${got}`, unreached };
}

/**
 * The loosest position of a knob that `accepts`, for a figure too costly to be met exactly: `tries` halvings of the
 * bracket, beginning where the knob stands. Null if not even the tightest position is accepted.
 */
export async function loosest(
  knob: Knob,
  start: unknown,
  accepts: (value: unknown) => Promise<boolean>,
  tries: number,
): Promise<unknown> {
  if ("values" in knob) {
    let best: unknown = null;
    let [first, last] = [0, knob.values.length - 1];
    while (first <= last) {
      const middle = (first + last) >> 1;
      if (await accepts(knob.values[middle])) [best, first] = [knob.values[middle], middle + 1];
      else last = middle - 1;
    }
    return best;
  }
  const loose = (value: number) => (knob.direction === "rises" ? value : 1 / value);
  const [least, most] = [loose(knob.least), loose(knob.most)].sort((a, b) => a - b) as [number, number];
  let [good, bad] = [null, null] as [number | null, number | null];
  let position = loose(start as number);
  for (let i = 0; i < tries; i++) {
    if (await accepts(loose(position))) good = position;
    else bad = position;
    if ((bad === null && position === most) || (good === null && position === least)) break;
    position = nextPosition(good, bad, Number.NaN, { least, most });
  }
  return good === null ? null : loose(good);
}
