/** The charts of the training bench. */
import { across, draw } from "../chart.js";
import { make } from "../element.js";
import { type Lane, peakOf } from "./lane.js";

const MiB = 2 ** 20;

/** A batch that was tried with one store. */
export interface Tried {
  store: string;
  colour: string;
  batch: number;
  peakBytes: number;
  fits: boolean;
}

/** The mean over the last `span` values, at each value. */
function smooth(values: readonly number[], span: number): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (i >= span ? values[i - span]! : 0);
    return sum / Math.min(i + 1, span);
  });
}

/** So few ticks that none of them lies between two steps. */
function wholeTicks(lanes: readonly Lane[]): number {
  const most = lanes.reduce((steps, lane) => Math.max(steps, lane.steps.length), 0);
  return Math.max(1, Math.min(10, most - 1));
}

function waiting(box: HTMLElement): void {
  box.replaceChildren(make("p", "quiet", "Press “Train”, or “One step”."));
}

/** A curve for each run over the steps. */
async function curves(
  box: HTMLElement,
  title: string,
  lanes: readonly Lane[],
  label: string,
  values: (lane: Lane) => number[],
  options: { percent?: boolean },
): Promise<void> {
  if (!lanes.some(({ steps }) => steps.length > 0)) return waiting(box);
  await draw(box, title, (Plot, width) => ({
    height: Math.max(200, Math.min(300, width * 0.45)),
    x: { ...across("step"), ticks: wholeTicks(lanes) },
    y: { label, grid: true, zero: true, ...options },
    color: {
      domain: lanes.map(({ store }) => store),
      range: lanes.map(({ colour }) => colour),
    },
    marks: lanes.flatMap((lane, i) => {
      const [steps, y] = [lane.steps.map(({ step }) => step + 1), values(lane)];
      // Earlier runs are wider, since later ones are drawn over them.
      const strokeWidth = 1.8 + 1.6 * (lanes.length - 1 - i);
      const style = { x: steps, y, stroke: lane.colour };
      return [
        Plot.lineY(y, { ...style, strokeWidth }),
        ...(y.length < 2 ? [Plot.dot(y, { ...style, r: 3 + strokeWidth })] : []),
      ];
    }),
  }));
}

export const drawLoss = (box: HTMLElement, lanes: readonly Lane[]): Promise<void> =>
  curves(box, "Loss by step", lanes, "cross entropy", ({ steps }) => steps.map(({ loss }) => loss), {});

export const drawAccuracy = (box: HTMLElement, lanes: readonly Lane[]): Promise<void> =>
  curves(
    box,
    "Accuracy by step",
    lanes,
    "% correct",
    ({ steps }) =>
      smooth(
        steps.map(({ accuracy }) => accuracy),
        10,
      ),
    { percent: true },
  );

/** Sites with less than this share of the largest are left out. */
const leastShown = 0.02;

export async function drawSites(box: HTMLElement, lanes: readonly Lane[]): Promise<void> {
  const rows = lanes.flatMap(({ store, packs }) =>
    packs.map(({ site, packedBytes }) => ({ store, site, mebibytes: packedBytes / MiB })),
  );
  if (rows.length === 0) return waiting(box);
  const largest = rows.reduce((most, { mebibytes }) => Math.max(most, mebibytes), 0);
  const sites = [
    ...new Set(rows.filter(({ mebibytes }) => mebibytes > leastShown * largest).map(({ site }) => site)),
  ];
  const stores = [...new Set(rows.map(({ store }) => store))];
  const longest = sites.reduce((most, { length }) => Math.max(most, length), 0);
  await draw(box, "Saved bytes by site", (Plot) => ({
    height: 60 + sites.length * (8 + 8 * stores.length),
    marginLeft: Math.min(150, 14 + 6.2 * longest),
    marginTop: 6,
    x: { ...across("MiB in the last step"), grid: true },
    y: { axis: null, domain: stores },
    fy: { domain: sites, label: null, padding: 0.15 },
    marks: [
      Plot.barX(
        rows.filter(({ site }) => sites.includes(site)),
        {
          fy: "site",
          y: "store",
          x: "mebibytes",
          fill: ({ store }: { store: string }) => lanes.find((lane) => lane.store === store)!.colour,
          title: ({ store, site, mebibytes }) => `${site}\n${store}: ${mebibytes.toFixed(3)} MiB`,
        },
      ),
      Plot.ruleX([0]),
    ],
  }));
}

export async function drawBounds(box: HTMLElement, lanes: readonly Lane[]): Promise<void> {
  const rows = lanes.flatMap((lane) =>
    lane.bounds.flatMap(({ step, bounds }) =>
      bounds.map(({ site, bound }) => ({ step: step + 1, bound, line: `${lane.store} ${site}`, lane })),
    ),
  );
  if (rows.length === 0) {
    const some = lanes.some(({ steps }) => steps.length > 0);
    if (some) box.replaceChildren(make("p", "quiet", "No store here has an error bound."));
    else waiting(box);
    return;
  }
  await draw(box, "Error bound of each site by step", (Plot, width) => ({
    height: Math.max(220, Math.min(320, width * 0.5)),
    x: { ...across("step"), ticks: wholeTicks(lanes) },
    y: { type: "log", label: "bound", grid: true, tickFormat: (value: number) => value.toExponential(0) },
    marks: [
      Plot.lineY(rows, {
        x: "step",
        y: "bound",
        z: "line",
        stroke: ({ lane }: { lane: Lane }) => lane.colour,
        strokeOpacity: 0.7,
      }),
      Plot.tip(
        rows,
        Plot.pointer({
          x: "step",
          y: "bound",
          title: ({ line, bound }) => `${line}\n${bound.toPrecision(3)}`,
        }),
      ),
    ],
  }));
}

export async function drawBatches(
  box: HTMLElement,
  tried: readonly Tried[],
  budgetBytes: number,
): Promise<void> {
  if (tried.length === 0) return waiting(box);
  const of = (fits: boolean) => tried.filter((one) => one.fits === fits);
  const place = {
    x: "batch",
    y: ({ peakBytes }: Tried) => peakBytes / MiB,
    stroke: "colour",
    title: ({ store, batch, peakBytes, fits }: Tried) =>
      `${store}, ${batch} images\n${fits ? `${(peakBytes / MiB).toFixed(1)} MiB` : "does not fit"}`,
  };
  await draw(box, "Peak of the device's memory by batch", (Plot, width) => ({
    height: Math.max(220, Math.min(300, width * 0.45)),
    color: { type: "identity" },
    x: { ...across("images in a batch"), domain: [0, 272] },
    // The limit is a little below the top, where the label stands.
    y: { label: "MiB", grid: true, domain: [0, (1.12 * budgetBytes) / MiB] },
    marks: [
      Plot.ruleY([budgetBytes / MiB], { stroke: "var(--bad)", strokeWidth: 2 }),
      Plot.line(of(true), { ...place, z: "store", sort: "batch", strokeWidth: 1.5 }),
      Plot.dot(of(true), { ...place, fill: "colour", r: 4.5 }),
      Plot.dot(of(false), { ...place, symbol: "times", r: 7, strokeWidth: 3 }),
    ],
  }));
}

/** What a run adds to the figure of memory against batch; null before it has made a step. */
export function triedBy(lane: Lane, batch: number, budgetBytes: number): Tried | null {
  const { store, colour, outOfMemory } = lane;
  if (outOfMemory) return { store, colour, batch, peakBytes: budgetBytes, fits: false };
  return lane.steps.length > 0 ? { store, colour, batch, peakBytes: peakOf(lane), fits: true } : null;
}
