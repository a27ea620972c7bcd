/** One store of the training bench: its worker, what it has told, and its panel. */
import { zipSync } from "fflate";
import type { PackRecord } from "../../../src/stores/pack-record.js";
import type { StepRecord } from "../../../src/training/records.js";
import { make } from "../element.js";
import type { RunFiles } from "./exported.js";
import { MemoryBar } from "./memory-bar.js";
import type { KeptTensor, Level, News, Order, Start } from "./messages.js";

export type LaneState = "loading" | "running" | "paused" | "done" | "failed";

/** The bound of each site in one step. */
export interface BoundsAt {
  step: number;
  bounds: { site: string; bound: number }[];
}

export class Lane {
  readonly store: string;
  /** Its CSS colour. */
  readonly colour: string;
  readonly element: HTMLElement;
  readonly steps: StepRecord[] = [];
  readonly bounds: BoundsAt[] = [];
  /** What the last step saved. */
  packs: PackRecord[] = [];
  state: LaneState = "loading";
  outOfMemory = false;
  readonly #worker: Worker;
  readonly #onChange: () => void;
  readonly #bar: MemoryBar;
  readonly #total: number;
  readonly #status = make("p", "number");
  readonly #message = make("p", "notice error");
  readonly #hash = make("p", "hash");
  readonly #export = make("button", "", "Export the run");
  #tensor: ((tensor: KeptTensor | null) => void) | null = null;

  /** `onChange` is called whenever there is something new to draw. */
  constructor(order: Start, colour: string, budgetBytes: number, scaleBytes: number, onChange: () => void) {
    const { store = "", steps = 0 } = order.settings;
    this.store = store;
    this.colour = colour;
    this.#total = steps;
    this.#onChange = onChange;
    this.#bar = new MemoryBar(budgetBytes, scaleBytes);
    const key = make("span", "key");
    key.style.background = colour;
    this.#message.hidden = true;
    this.#message.setAttribute("role", "alert");
    this.#export.type = "button";
    this.#export.disabled = true;
    this.#export.addEventListener("click", () => this.#tell({ kind: "export" }));
    this.element = make("section", "lane", make("h2", "", key, store), this.#status, this.#bar.element);
    this.element.append(this.#message, this.#hash, this.#export);
    this.element.dataset.store = store;
    this.#worker = new Worker(new URL("./trainer.js", import.meta.url), { type: "module" });
    this.#worker.onerror = ({ message }) => this.#fail(message || "its worker could not be loaded", false);
    this.#worker.onmessage = ({ data }: MessageEvent<News>) => this.#hear(data, order);
    this.#show();
  }

  go(steps: number): void {
    if (this.state === "paused" && steps > 0) this.#enter("running");
    this.#tell({ kind: "go", steps });
  }

  /** What a site saved in the last step. */
  tensor(site: string): Promise<KeptTensor | null> {
    this.#tell({ kind: "tensor", site });
    return new Promise((resolve) => {
      this.#tensor = resolve;
    });
  }

  close(): void {
    this.#bar.close();
    this.#worker.terminate();
  }

  #tell(order: Order): void {
    this.#worker.postMessage(order);
  }

  #enter(state: LaneState): void {
    this.state = state;
    this.element.dataset.state = state;
    this.#export.disabled = !(state === "paused" || state === "done");
    this.#show();
    this.#onChange();
  }

  #hear(news: News, order: Start): void {
    if (news.kind === "ready") {
      this.#tell(order);
      this.#enter("running");
    } else if (news.kind === "record") {
      if (news.record.kind === "step") this.#add(news.record, news.packs, news.levels);
    } else if (news.kind === "paused") {
      this.#hash.textContent = `weights ${news.weights}`;
      this.#enter("paused");
    } else if (news.kind === "end") {
      const accuracy = `test accuracy ${(100 * news.testAccuracy).toFixed(2)} %`;
      const threads = `${news.threads} thread${news.threads === 1 ? "" : "s"}`;
      this.#hash.textContent = `${accuracy}, ${threads}\nweights ${news.weights}`;
      this.element.dataset.weights = news.weights;
      this.#enter("done");
    } else if (news.kind === "failure") {
      this.#bar.fill(news.levels);
      this.#fail(news.message, news.outOfMemory);
    } else if (news.kind === "tensor") {
      this.#tensor?.(news.tensor);
    } else download(news);
  }

  #add(record: StepRecord, packs: PackRecord[], levels: Level[]): void {
    this.steps.push(record);
    this.packs = packs;
    const bounds = packs.flatMap(({ site, bound }) => (bound === null ? [] : [{ site, bound }]));
    if (bounds.length > 0) this.bounds.push({ step: record.step, bounds });
    this.#bar.show(record, levels);
    this.#show();
    this.#onChange();
  }

  #fail(message: string, outOfMemory: boolean): void {
    this.outOfMemory = outOfMemory;
    this.#message.textContent = inTheFormsWords(message);
    this.#message.hidden = false;
    if (outOfMemory) this.#bar.overflow();
    this.#enter("failed");
  }

  #show(): void {
    const last = this.steps.at(-1);
    const words: Record<LaneState, string> = {
      loading: "loading",
      running: last ? "" : "first step",
      paused: "paused, ",
      done: "done, ",
      failed: this.outOfMemory ? "out of device memory " : "failed ",
    };
    const steps = last
      ? `step ${last.step + 1} of ${this.#total}, loss ${last.loss.toFixed(3)}, ${last.ms.toFixed(0)} ms for the step`
      : this.state === "failed"
        ? "in step 1"
        : "";
    this.#status.textContent = words[this.state] + steps;
  }
}

/** A message of the library with the names that the form gives to its settings. */
const inTheFormsWords = (message: string): string =>
  message
    .replaceAll("settings.memory", "device memory")
    .replaceAll("settings.store", "the store")
    .replace(/\bsettings\.(\w+)/g, "$1");

/** Gives the visitor a run's folder as a zip file. */
function download({ name, files }: RunFiles): void {
  const zip = zipSync(files) as Uint8Array<ArrayBuffer>;
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([zip], { type: "application/zip" }));
  link.download = `${name}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The bytes of a run's largest step, for the scale of its bar. */
export const peakOf = ({ steps }: Lane): number =>
  steps.reduce((most, { devicePeakBytes }) => Math.max(most, devicePeakBytes), 0);
