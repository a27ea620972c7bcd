/**
 * The device's memory as a bar that fills while a step goes forward:
 *
 *   │ saved for backward │ all else │        free       ┆ budget
 *
 * The whole width is the same number of bytes for all runs, a little more than the budget.
 */
import { formatBytes } from "../../../src/device/ledger.js";
import type { StepRecord } from "../../../src/training/records.js";
import { make } from "../element.js";
import type { Level } from "./messages.js";

const msPerStep = 700;

export class MemoryBar {
  readonly element: HTMLElement;
  readonly #track = make("div", "memory-bar");
  readonly #saved = make("span", "saved");
  readonly #rest = make("span", "rest");
  readonly #text = make("p", "quiet", "nothing on the device yet");
  readonly #budget: number;
  readonly #scale: number;
  #frame = 0;

  constructor(budgetBytes: number, scaleBytes: number) {
    this.#budget = budgetBytes;
    this.#scale = scaleBytes;
    const line = make("span", "budget");
    line.style.left = this.#percent(budgetBytes);
    this.#track.append(this.#saved, this.#rest, line);
    this.element = make("div", "", this.#track, this.#text);
  }

  /** The peaks of a finished step, after the levels on the way there if steps come slowly enough to be seen. */
  show({ savedPeakBytes, devicePeakBytes }: StepRecord, levels: readonly Level[]): void {
    this.element.dataset.saved = String(savedPeakBytes);
    this.element.dataset.peak = String(devicePeakBytes);
    this.#text.textContent = `peak of the step: ${formatBytes(devicePeakBytes)} of ${formatBytes(this.#budget)}, of which up to ${formatBytes(savedPeakBytes)} saved for the backward pass`;
    this.#play([...levels, { saved: savedPeakBytes, total: devicePeakBytes }]);
  }

  /** How far a step came that did not end. */
  fill(levels: readonly Level[]): void {
    const last = levels.at(-1);
    if (!last) return;
    this.#text.textContent = `${formatBytes(last.total)} of ${formatBytes(this.#budget)} when the next tensor no longer fitted, of which ${formatBytes(last.saved)} saved for the backward pass`;
    this.#set(last);
  }

  overflow(): void {
    cancelAnimationFrame(this.#frame);
    this.#track.classList.add("overflow");
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
  }

  #percent = (bytes: number): string => `${Math.min(100, (100 * bytes) / this.#scale)}%`;

  #set({ saved, total }: Level): void {
    this.#saved.style.width = this.#percent(saved);
    this.#rest.style.width = this.#percent(Math.max(0, total - saved));
  }

  #play(levels: readonly Level[]): void {
    cancelAnimationFrame(this.#frame);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#set(levels.at(-1)!);
      return;
    }
    const started = performance.now();
    const next = (now: number) => {
      const at = Math.floor(((now - started) / msPerStep) * levels.length);
      this.#set(levels[Math.max(0, Math.min(levels.length - 1, at))]!);
      if (at < levels.length - 1) this.#frame = requestAnimationFrame(next);
    };
    this.#frame = requestAnimationFrame(next);
  }
}
