/** The live table of a pool: a bar for each run, and one for all with the time left. Lines, where there is no terminal. */
import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Job, JobEnd, PoolWatch, Room } from "./pool.js";
import { interruptedCode } from "./task.js";

/** How far jobs have come, and how long the rest will take. */
export class Pace {
  readonly #jobs: readonly Job[];
  readonly #cores: number;
  readonly #now: () => number;
  readonly #done = new Map<Job, number>();
  readonly #ended = new Set<Job>();
  /** The step at which this process's watching of a job began, and when. */
  readonly #began = new Map<Job, { at: number; done: number }>();
  readonly #msPerStep = new Map<Job, number>();

  constructor(jobs: readonly Job[], cores: number, now = () => performance.now()) {
    this.#jobs = jobs;
    this.#cores = cores;
    this.#now = now;
  }

  step(job: Job, done: number): void {
    this.#done.set(job, done);
    const began = this.#began.get(job);
    if (!began) this.#began.set(job, { at: this.#now(), done });
    else if (done > began.done) this.#msPerStep.set(job, (this.#now() - began.at) / (done - began.done));
  }

  end(job: Job): void {
    this.#ended.add(job);
  }

  get ended(): number {
    return this.#ended.size;
  }

  doneOf = (job: Job): number => (this.#ended.has(job) ? job.steps : (this.#done.get(job) ?? 0));

  /** In words: the time left in steps, and how many jobs are left whose steps are not known. */
  get left(): string {
    const unknown = this.#jobs.filter((job) => job.steps === 0 && !this.#ended.has(job)).length;
    const measurements = unknown === 0 ? "" : ` and ${unknown} measurement${unknown === 1 ? "" : "s"}`;
    return `${duration(this.msLeft)}${measurements}`;
  }

  /** Null until the first steps are known. Jobs that have not begun count with the mean of the others. */
  get msLeft(): number | null {
    const rates = [...this.#msPerStep.values()];
    if (rates.length === 0) return null;
    const usual = rates.reduce((sum, ms) => sum + ms, 0) / rates.length;
    const left = this.#jobs.filter((job) => !this.#ended.has(job));
    const of = (job: Job) => (job.steps - this.doneOf(job)) * (this.#msPerStep.get(job) ?? usual);
    const [total, longest] = [
      left.reduce((sum, job) => sum + of(job), 0),
      left.reduce((most, job) => Math.max(most, of(job)), 0),
    ];
    const atOnce = Math.max(1, Math.min(this.#cores, left.length));
    return Math.max(longest, total / atOnce);
  }
}

export function duration(ms: number | null): string {
  if (ms === null) return "…";
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

const outcome = ({ code, lastLine }: JobEnd): string =>
  code === 0
    ? "done"
    : code === interruptedCode
      ? "interrupted"
      : lastLine.replace(/^comet: /, "") || "killed";

/** Writes the progress of a pool to stderr. Call `stop` at the end. */
export function liveTable(
  jobs: readonly Job[],
  { cores, processes = cores }: Room,
): PoolWatch & { stop(): void } {
  const pace = new Pace(jobs, Math.min(cores, processes));
  return process.stderr.isTTY ? bars(jobs, pace) : lines(jobs, pace);
}

function lines(jobs: readonly Job[], pace: Pace): PoolWatch & { stop(): void } {
  return {
    step: (job, done) => pace.step(job, done),
    ended(job, end) {
      pace.end(job);
      process.stderr.write(
        `comet: ${pace.ended} of ${jobs.length}: ${job.title}: ${outcome(end)}, ${end.seconds.toFixed(1)} s; time left ${pace.left}\n`,
      );
    },
    stop() {},
  };
}

function bars(jobs: readonly Job[], pace: Pace): PoolWatch & { stop(): void } {
  const widest = jobs.reduce((most, { title }) => Math.max(most, title.length), 8);
  const multi = new MultiBar(
    {
      format: `{title} {bar} {value}/{total} {state}`,
      barsize: 20,
      hideCursor: true,
      clearOnComplete: false,
      stream: process.stderr,
    },
    Presets.shades_classic,
  );
  const all = multi.create(jobs.length, 0, { title: "all".padEnd(widest), state: "" });
  const shown = new Map<Job, SingleBar>();
  const barOf = (job: Job, state: string): SingleBar => {
    const bar =
      shown.get(job) ?? multi.create(Math.max(1, job.steps), 0, { title: job.title.padEnd(widest), state });
    shown.set(job, bar);
    return bar;
  };
  // As many as the terminal has rows for; the others get a bar when they begin.
  for (const job of jobs.slice(0, Math.max(0, (process.stderr.rows ?? 24) - 4))) barOf(job, "waits");
  const tell = () => all.update(pace.ended, { state: `time left ${pace.left}` });
  return {
    started: (job) => barOf(job, "").update(0, { state: "runs" }),
    step(job, done) {
      pace.step(job, done);
      barOf(job, "").update(done);
      tell();
    },
    ended(job, end) {
      pace.end(job);
      const state = outcome(end);
      barOf(job, "").update(end.code === 0 ? Math.max(1, job.steps) : pace.doneOf(job), { state });
      tell();
    },
    stop: () => multi.stop(),
  };
}
