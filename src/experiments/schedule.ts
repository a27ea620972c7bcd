/**
 * What a sweep costs on n tasks at a time, by simulation: runs start in their order as tasks become free, each from its
 * last checkpoint where the time limit cut it. All times are in seconds.
 */

export interface CostOf {
  /** The seconds of each run, without what the fields below add. */
  runs: readonly number[];
  /** How many tasks run at once. */
  tasks: number;
  /** From the start of a task to its first step: the queue, Node, and reading the data. */
  startSeconds: number;
  /** The time limit of one task; infinite, if there is none. */
  limitSeconds: number;
  /** How long before the limit a task is told to write its checkpoint and to end. */
  warningSeconds: number;
}

export interface Cost {
  /** Until the last run has ended. */
  wallSeconds: number;
  /** The sum over all tasks, for which a cluster charges. */
  taskSeconds: number;
  /** How many times a task started; above the number of runs by those that the limit cut. */
  starts: number;
  /** The share of the tasks’ time in steps. */
  efficiency: number;
}

/** Throws a RangeError if a limit leaves no time for steps. */
export function simulate({ runs, tasks, startSeconds, limitSeconds, warningSeconds }: CostOf): Cost {
  const usable = limitSeconds - warningSeconds - startSeconds;
  if (!(usable > 0)) throw new RangeError("no time for steps within the limit");
  // When each task is free again.
  const free = new Array<number>(Math.min(tasks, runs.length)).fill(0);
  let [wallSeconds, taskSeconds, starts] = [0, 0, 0];
  // Requeued runs wait behind all others.
  const waiting = runs.map((seconds) => ({ seconds, from: 0 }));
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    let earliest = 0;
    for (let i = 1; i < free.length; i++) if (free[i]! < free[earliest]!) earliest = i;
    const began = Math.max(free[earliest]!, next.from);
    const done = Math.min(next.seconds, usable);
    const ended = began + startSeconds + done;
    free[earliest] = ended;
    starts++;
    taskSeconds += startSeconds + done;
    wallSeconds = Math.max(wallSeconds, ended);
    if (next.seconds > done) waiting.push({ seconds: next.seconds - done, from: ended });
  }
  const steps = runs.reduce((sum, seconds) => sum + seconds, 0);
  return { wallSeconds, taskSeconds, starts, efficiency: taskSeconds > 0 ? steps / taskSeconds : 1 };
}
