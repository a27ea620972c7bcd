/** Runs of the training bench's worker for the tour: what one store tells while it trains. */
import { encodeIdx } from "../../../src/data/idx.js";
import type { News, Order, OwnFiles, Start } from "../train/messages.js";
import { sample } from "./samples.js";

/** What pixels were divided by to become the samples: see the data set. */
const pixelScale = 255 * 0.354;

/** The sample images as a data set, so that one step needs no other images. */
export async function sampleFiles(): Promise<OwnFiles> {
  const { shape, data } = await sample("images");
  const [count, , height, width] = shape as [number, number, number, number];
  const pixels = Uint8Array.from(data, (value) => Math.round(value * pixelScale));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const part of ["train", "t10k"]) {
    files.set(`${part}-images-idx3-ubyte`, new Uint8Array(encodeIdx([count, height, width], pixels)));
    files.set(`${part}-labels-idx1-ubyte`, new Uint8Array(encodeIdx([count], labels)));
  }
  return files;
}

/** Trains to the end of the settings' steps. `hear` is told everything on the way. Rejects with the run's error. */
export function trained(
  settings: Start["settings"],
  own: OwnFiles | null,
  hear: (news: News) => void,
): Promise<void> {
  const worker = new Worker(new URL("../train/trainer.js", import.meta.url), { type: "module" });
  const tell = (order: Order) => worker.postMessage(order);
  return new Promise<void>((resolve, reject) => {
    worker.onerror = ({ message }) => reject(new Error(message || "the worker could not be loaded"));
    worker.onmessage = ({ data }: MessageEvent<News>) => {
      hear(data);
      if (data.kind === "ready") {
        const steps = Number.POSITIVE_INFINITY;
        tell({ kind: "start", settings, base: document.baseURI, version: "", own, steps });
      } else if (data.kind === "end") resolve();
      else if (data.kind === "failure") reject(new Error(data.message));
    };
  }).finally(() => worker.terminate());
}
