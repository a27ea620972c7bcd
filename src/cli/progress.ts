/** The progress line of a training run, on stderr if that is a terminal. */
import { Presets, SingleBar } from "cli-progress";
import { formatBytes } from "../device/ledger.js";
import type { PlanRecord, StepRecord } from "../training/records.js";

export class Progress {
  readonly #bar: SingleBar;
  /** Exponential averages, because the figures of single steps change too fast to be read. */
  #loss = Number.NaN;
  #accuracy = Number.NaN;

  /** `done`: the number of steps that were done before. */
  constructor(title: string, steps: number, done: number) {
    this.#bar = new SingleBar({
      format: `${title} {bar} {value}/{total} | loss {loss} | acc {accuracy} | {ratio} | kept {saved} | peak {peak} | ETA {eta_formatted}`,
      barsize: 18,
      hideCursor: true,
      stopOnComplete: true,
      etaBuffer: 50,
    });
    const unknown = { loss: "…", accuracy: "…", ratio: "ratio …", saved: "…", peak: "…" };
    this.#bar.start(steps, done, unknown);
  }

  /** Prints what policies `spread` and `budget` expect, before the first step. */
  plan({ budgetBytes, savedBytes, leastBytes, noise, lawNoise }: PlanRecord): void {
    const percent = (share: number) => `${(100 * share).toPrecision(2)} %`;
    const budget = budgetBytes > 0 ? ` of ${formatBytes(budgetBytes)}` : "";
    process.stderr.write(
      `comet: expects to save ${formatBytes(savedBytes)}${budget} (the least possible is ${formatBytes(leastBytes)}) ` +
        `at a relative gradient noise of ${percent(noise)} (policy law: ${percent(lawNoise)})\n`,
    );
  }

  step(record: StepRecord): void {
    // A pool of runs shows them all in one table.
    if (process.connected) process.send?.({ done: record.step + 1 });
    const smooth = (old: number, value: number) => (Number.isNaN(old) ? value : 0.95 * old + 0.05 * value);
    this.#loss = smooth(this.#loss, record.loss);
    this.#accuracy = smooth(this.#accuracy, record.accuracy);
    const { convRawBytes, convPackedBytes } = record;
    this.#bar.update(record.step + 1, {
      loss: this.#loss.toFixed(3),
      accuracy: `${(100 * this.#accuracy).toFixed(1)} %`,
      ratio: convPackedBytes > 0 ? `ratio ${(convRawBytes / convPackedBytes).toFixed(1)}` : "raw",
      saved: formatBytes(record.savedPeakBytes),
      peak: formatBytes(record.devicePeakBytes),
    });
  }

  stop(): void {
    this.#bar.stop();
  }
}

/** The progress line of a file that is read or written. */
export class ByteBar {
  readonly #bar: SingleBar;

  constructor(what: string, totalBytes: number) {
    const format = `${what} {bar} {percentage}% | ${"{value}"} of {total} MB | ETA {eta_formatted}`;
    this.#bar = new SingleBar({ format, stream: process.stderr }, Presets.rect);
    this.#bar.start(Math.ceil(totalBytes / 1e6), 0);
  }

  update(bytes: number): void {
    this.#bar.update(Math.round(bytes / 1e6));
  }

  stop(): void {
    this.#bar.stop();
  }
}
