/** The page itself: starts the worker, draws its losses, and tells how Node comes to the same weights. */
import type { News, Order } from "./trainer.js";

const element = <E extends Element>(selector: string) => document.querySelector<E>(selector)!;
const form = element<HTMLFormElement>("form");
const button = element<HTMLButtonElement>("button");
const state = element<HTMLOutputElement>("#state");
const log = element<HTMLPreElement>("#log");
const curve = element<SVGPolylineElement>("polyline");

let worker: Worker | null = null;

function end(text: string): void {
  worker?.terminate();
  worker = null;
  button.textContent = "Train";
  log.textContent += `${text}\n`;
}

function start(model: string, store: "plain" | "comet"): void {
  const losses: number[] = [];
  button.textContent = "Stop";
  log.textContent = "";
  worker = new Worker(new URL("./trainer.js", import.meta.url), { type: "module" });
  worker.onerror = ({ message }) => end(message);
  worker.onmessage = ({ data }: MessageEvent<News>) => {
    if (data.kind === "ready") worker!.postMessage({ model, store } satisfies Order);
    else if (data.kind === "failure") end(data.message);
    else if (data.kind === "end") {
      const { steps, aborted, testAccuracy, weights } = data.outcome;
      const command = `npm run comet -- train --model ${model} --store ${store}`;
      end(`${steps} steps on ${data.threads} threads\nweights ${weights}`);
      if (!aborted)
        log.textContent += `test accuracy ${(100 * testAccuracy).toFixed(2)} %\n${command} gives the same.\n`;
    } else if (data.record.kind === "step") {
      const { step, loss, savedPeakBytes, ms } = data.record;
      losses.push(loss);
      state.value = `step ${step + 1}, loss ${loss.toFixed(3)}, ${(savedPeakBytes / 1024).toFixed(0)} KiB kept, ${ms.toFixed(0)} ms`;
      const most = Math.max(...losses);
      curve.setAttribute(
        "points",
        losses.map((value, i) => `${(300 * i) / losses.length},${100 - (100 * value) / most}`).join(" "),
      );
    }
  };
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (worker) worker.postMessage("stop" satisfies Order);
  else {
    const values = new FormData(form);
    start(String(values.get("model")), values.get("store") as "plain" | "comet");
  }
});
