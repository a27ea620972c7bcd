/** The page of reports: opens files, joins their runs, and draws them with the figures of a report. */
import type * as PlotModule from "@observablehq/plot";
import { formatBytes } from "../../../src/device/ledger.js";
import { chapters } from "../../../src/report/chapters.js";
import { drawAll } from "../../../src/report/client/draw.js";
import { show } from "../../../src/report/client/frame.js";
import type { PageData, RunData } from "../../../src/report/series.js";
import { storeChapters } from "../../../src/report/store-chapters.js";
import { find, make } from "../element.js";
import { percent, short } from "../number.js";
import { loadLibraries } from "./libraries.js";
import { joined, readReport } from "./report-data.js";

const open: { name: string; data: PageData }[] = [];
const box = find("#report");
const problem = find("#problem");

declare let Plot: typeof PlotModule;
let provided = false;

/** Loads Plot. Its charts lose the <style> elements that the site's policy forbids. */
async function providePlot(): Promise<void> {
  if (provided) return;
  await loadLibraries();
  const whole = Plot;
  const bare = <E extends Element>(chart: E): E => {
    for (const style of chart.querySelectorAll("style")) style.remove();
    for (const part of chart.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");
    return chart;
  };
  const plot: typeof whole.plot = (options) => bare(whole.plot(options));
  const legend = (options: Parameters<typeof whole.legend>[0]) => bare(whole.legend(options) as Element);
  Object.assign(globalThis, { Plot: { ...whole, plot, legend } });
  provided = true;
}

const last = <T>(values: readonly T[]): T | undefined => values[values.length - 1];

/** What a run came to, in one row. */
function cells({ steps, epochs, sites }: RunData): string[] {
  const saved = steps.savedPeakBytes.reduce<number>((most, bytes) => Math.max(most, bytes ?? 0), 0);
  const accuracy = last(epochs)?.accuracy;
  const ratios = sites.flatMap(({ ratio }) => last(ratio) ?? []);
  const loss = last(steps.smoothLoss);
  return [
    String(steps.step.length === 0 ? 0 : last(steps.step)! + 1),
    loss === undefined ? "–" : short(loss),
    accuracy === undefined ? "–" : percent(accuracy),
    saved > 0 ? formatBytes(saved) : "–",
    ratios.length === 0 ? "–" : `${short(Math.min(...ratios))} … ${short(Math.max(...ratios))}`,
  ];
}

function summary(runs: readonly RunData[]): HTMLElement {
  const head = ["Steps", "Loss, smoothed", "Test accuracy", "Saved, peak", "Ratio of a layer"];
  const cell = (tag: "th" | "td", text: string, scope = ""): HTMLElement => {
    const element = make(tag, "", text);
    if (scope) element.setAttribute("scope", scope);
    return element;
  };
  const rows = runs.map((run, i) => {
    const key = make("span", "key");
    key.style.background = `var(--run-${(i % 6) + 1})`;
    const name = cell("th", "", "row");
    name.append(key, run.label);
    return make("tr", "", name, ...cells(run).map((text) => cell("td", text)));
  });
  const table = make(
    "table",
    "",
    make("thead", "", make("tr", "", make("td"), ...head.map((text) => cell("th", text, "col")))),
    make("tbody", "", ...rows),
  );
  const scroll = make("div", "scroll", table);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", "Summary of the runs");
  return make("section", "", make("h2", "", "Summary"), scroll);
}

/** Draws all that is open. */
async function update(): Promise<void> {
  find<HTMLButtonElement>("#clear").disabled = open.length === 0;
  const data = joined(open);
  const { runs, comparison } = data;
  find("#state").textContent =
    open.length === 0
      ? "No report is open."
      : `${open.length} report${open.length === 1 ? "" : "s"}, ${runs.length} run${runs.length === 1 ? "" : "s"}: ${open.map(({ name }) => name).join(", ")}.`;
  if (open.length === 0) {
    box.replaceChildren();
    return;
  }
  await providePlot();
  const sections = [...chapters(data), ...(comparison ? storeChapters(comparison) : [])];
  // The texts of a report are escaped where they are made.
  const html = sections.map(
    ({ id, title, body }) => `<section id="${id}"><h2>${title}</h2>${body}</section>`,
  );
  box.innerHTML = html.join("\n");
  for (const scroll of box.querySelectorAll(".scroll")) {
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Table");
  }
  if (runs.length > 0) box.prepend(summary(runs));
  show(data);
  drawAll();
  box.dataset.drawn = String(runs.length);
}

async function take(files: readonly File[]): Promise<void> {
  problem.hidden = true;
  try {
    const read = await Promise.all(
      files.map(async (file) => ({ name: file.name, data: readReport(file.name, await file.text()) })),
    );
    open.push(...read);
    await update();
  } catch (cause) {
    problem.textContent = cause instanceof Error ? cause.message : String(cause);
    problem.hidden = false;
  }
}

find<HTMLInputElement>("#files").addEventListener("change", ({ target }) => {
  const input = target as HTMLInputElement;
  void take([...(input.files ?? [])]).then(() => {
    // The same file may be chosen again.
    input.value = "";
  });
});
find("#clear").addEventListener("click", () => {
  open.length = 0;
  problem.hidden = true;
  void update();
});
const drop = find("#drop");
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  void take([...(event.dataTransfer?.files ?? [])]);
});

let width = box.clientWidth;
new ResizeObserver(() => {
  if (box.clientWidth === width) return;
  width = box.clientWidth;
  if (open.length > 0) drawAll();
}).observe(box);
