/** The training bench: reads the settings, starts a run for each store, and draws what they tell. */

import { encodeSafetensors } from "../../../src/files/safetensors-bytes.js";
import { find, make } from "../element.js";
import { handedOver, keepTensors } from "../handover.js";
import { isolation } from "../isolation.js";
import { drawAccuracy, drawBatches, drawBounds, drawLoss, drawSites, type Tried, triedBy } from "./charts.js";
import { Lane } from "./lane.js";
import type { News } from "./messages.js";
import { droppedFiles, type NamedFile, type OwnImages, ownImages } from "./own-images.js";

const MiB = 2 ** 20;
/** The least time between two drawings of the charts. */
const msBetweenDrawings = 500;

const form = find<HTMLFormElement>("form");
const go = find<HTMLButtonElement>("#go");
const tensorRun = find<HTMLSelectElement>("#tensor-run");
const tensorSite = find<HTMLSelectElement>("#tensor-site");
const openTensor = find<HTMLButtonElement>("#open");

let lanes: Lane[] = [];
let tried: Tried[] = [];
/** The images of the visitor; null: the embedded ones. */
let own: OwnImages | null = null;
let helps = new Map<string, string>();
let cores = navigator.hardwareConcurrency;
/** Whether the runs pause after each step. */
let stepping = false;

const input = (name: string) => form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
const number = (name: string): number => Number(input(name).value);
const storeSelects = () => [...document.querySelectorAll<HTMLSelectElement>("[name=store]")];
const chosenStores = (): string[] => [
  ...new Set(
    storeSelects()
      .map(({ value }) => value)
      .filter((name) => name !== ""),
  ),
];

/** Ends the runs, and starts others from the form. */
function begin(steps: number): void {
  reset();
  const stores = chosenStores();
  const threads = Math.max(1, Math.min(4, Math.floor(cores / Math.max(1, stores.length))));
  const budget = number("memory") * MiB;
  const settings = {
    ...{ model: input("model").value, batch: number("batch"), memory: `${number("memory")}MiB` },
    ...{ steps: number("steps"), epochs: number("steps"), seed: number("seed"), threads },
  };
  const version = find<HTMLMetaElement>("meta[name=generator]").content.replace("comet-ts ", "");
  lanes = stores.map((store, i) => {
    const order = { kind: "start", settings: { ...settings, store }, base: document.baseURI } as const;
    return new Lane(
      { ...order, version, own: own?.files ?? null, steps } as ConstructorParameters<typeof Lane>[0],
      `var(--run-${i + 1})`,
      budget,
      1.08 * budget,
      changed,
    );
  });
  find("#lanes").replaceChildren(...lanes.map(({ element }) => element));
  changed();
}

function reset(): void {
  for (const lane of lanes) lane.close();
  lanes = [];
  find("#lanes").replaceChildren();
  changed();
}

const active = (): boolean =>
  lanes.some(({ state }) => state === "loading" || state === "running" || state === "paused");
const running = (): boolean => lanes.some(({ state }) => state === "loading" || state === "running");

/** Goes on with the runs under way, or begins new ones. */
function advance(steps: number): void {
  stepping = steps === 1;
  if (!active()) begin(steps);
  else for (const lane of lanes) lane.go(steps);
  changed();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running() && !stepping) for (const lane of lanes) lane.go(0);
  else advance(Number.POSITIVE_INFINITY);
});
find("#step").addEventListener("click", () => advance(1));
find("#reset").addEventListener("click", () => {
  tried = [];
  reset();
});

/** Other settings make other runs: those under way begin again. */
form.addEventListener("change", ({ target }) => {
  showValues();
  if ((target as HTMLElement).id === "images") return;
  const memory = (target as HTMLInputElement).name === "memory";
  if (memory || (target as HTMLInputElement).name === "model") tried = [];
  if (lanes.length > 0) begin(stepping ? 1 : Number.POSITIVE_INFINITY);
});
form.addEventListener("input", () => showValues());

function showValues(): void {
  find("#batch-shown").textContent = input("batch").value;
  find("#memory-shown").textContent = `${number("memory")} MiB`;
  const texts = chosenStores().map((name) => `${name}: ${helps.get(name) ?? ""}`);
  find("#store-help").textContent = helps.size > 0 ? `${texts.join("; ")}.` : "";
}

let drawing = false;
let stale = false;

/** Draws soon; several changes are drawn at once. */
function changed(): void {
  stale = true;
  showControls();
  if (!drawing) void drawWhileStale();
}

async function drawWhileStale(): Promise<void> {
  drawing = true;
  while (stale) {
    stale = false;
    await drawAll();
    await new Promise((r) => setTimeout(r, msBetweenDrawings));
  }
  drawing = false;
}

async function drawAll(): Promise<void> {
  const budget = number("memory") * MiB;
  const now = lanes.flatMap((lane) => triedBy(lane, number("batch"), budget) ?? []);
  tried = [
    ...tried.filter(({ store, batch }) => !now.some((one) => one.store === store && one.batch === batch)),
    ...now,
  ];
  await drawLoss(find("#loss"), lanes);
  await drawAccuracy(find("#accuracy"), lanes);
  await drawSites(find("#sites"), lanes);
  await drawBounds(find("#bounds"), lanes);
  await drawBatches(find("#batches"), tried, budget);
}

function showControls(): void {
  go.textContent = running() && !stepping ? "Pause" : active() ? "Go on" : "Train";
  find<HTMLButtonElement>("#reset").disabled = lanes.length === 0;
  find<HTMLButtonElement>("#step").disabled = running();
  const [model, store] = [input("model").value, chosenStores()[0] ?? "plain"];
  const folder = `${model}-${store}-b${number("batch")}-s${number("seed")}`;
  find("#replay").textContent = `npm run comet -- replay ${folder}${own ? ` --data ${folder}/data` : ""}`;
  offer(
    tensorRun,
    lanes.map(({ store }) => store),
  );
  const lane = lanes.find(({ store }) => store === tensorRun.value);
  offer(
    tensorSite,
    (lane?.packs ?? []).filter(({ kind }) => kind !== "recipe").map(({ site }) => site),
  );
  openTensor.disabled = tensorSite.value === "";
}

/** Gives a list its options, and keeps the choice if it is still among them. */
function offer(select: HTMLSelectElement, values: readonly string[]): void {
  if ([...select.options].map(({ value }) => value).join() === values.join()) return;
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => make("option", "", value)));
  if (values.includes(chosen)) select.value = chosen;
}

tensorRun.addEventListener("change", showControls);

openTensor.addEventListener("click", async () => {
  const lane = lanes.find(({ store }) => store === tensorRun.value);
  const tensor = await lane?.tensor(tensorSite.value);
  if (!lane || !tensor) return;
  const { site, shape, data } = tensor;
  const name = `${site} of ${lane.store}, step ${(lane.steps.at(-1)?.step ?? 0) + 1}`;
  await keepTensors(encodeSafetensors([[name, { shape, data }]]) as Uint8Array<ArrayBuffer>);
  const address = `./codec.html${handedOver}`;
  const link = make("a", "", "in the codec bench");
  link.href = address;
  link.target = "_blank";
  find("#opened").replaceChildren(`${name} (${shape.join(" × ")}) is ready `, link, ".");
  // A browser may refuse the new tab; then the link serves.
  window.open(address, "_blank");
});

const problem = find("#problem");

/** Takes the visitor's images, or says what is wrong with them. */
async function take(files: readonly NamedFile[]): Promise<void> {
  problem.hidden = true;
  if (files.length === 0) return;
  try {
    own = await ownImages(files);
    find("#images-state").textContent =
      `${own.squares.toLocaleString("en")} squares, 28 × 28, cut from: ${own.classes.join(", ")}. The network learns which is from which.`;
    tried = [];
    if (lanes.length > 0) begin(stepping ? 1 : Number.POSITIVE_INFINITY);
    else changed();
  } catch (cause) {
    problem.textContent = cause instanceof Error ? cause.message : String(cause);
    problem.hidden = false;
  }
}

find<HTMLInputElement>("#images").addEventListener("change", ({ target }) => {
  void take([...((target as HTMLInputElement).files ?? [])].map((file) => ({ file, folder: "" })));
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
  if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(take);
});

/** Learns which stores there are. */
function learn(): Promise<void> {
  const worker = new Worker(new URL("./trainer.js", import.meta.url), { type: "module" });
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<News>) => {
      if (data.kind !== "ready") return;
      worker.terminate();
      helps = new Map(data.stores.map(({ name, help }) => [name, help]));
      cores = data.cores;
      for (const select of storeSelects()) {
        const chosen = select.value;
        const none = [...select.options].filter(({ value }) => value === "");
        select.replaceChildren(...none, ...data.stores.map(({ name }) => make("option", "", name)));
        select.value = chosen;
      }
      resolve();
    };
  });
}

showValues();
changed();
await isolation();
await learn();
showValues();
document.documentElement.dataset.bench = "ready";
