/** The codec bench: its controls, and what they show. The worker computes. */
import { proxy, type Remote, wrap } from "comlink";
import { find, make } from "../element.js";
import { handedOver } from "../handover.js";
import { Latest } from "../latest.js";
import { short } from "../number.js";
import type { Fault } from "./fault.js";
import { drawHistogram, drawStages } from "./figures.js";
import type { Choice, Measurement, Mode, Quantizer } from "./measure.js";
import { Pictures } from "./pictures.js";
import { explanations } from "./promise.js";
import { showNumbers, showPlanted } from "./readout.js";
import type { Bench, Entry } from "./worker.js";

const bench: Remote<Bench> = wrap<Bench>(
  new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
);

const tensor = find<HTMLSelectElement>("#tensor");
const image = find<HTMLInputElement>("#image");
const channel = find<HTMLInputElement>("#channel");
const bound = find<HTMLInputElement>("#bound");
const below = find<HTMLInputElement>("#below");
const quantizer = find<HTMLSelectElement>("#quantizer");
const mode = find<HTMLSelectElement>("#mode");
const reZero = find<HTMLInputElement>("#rezero");
const file = find<HTMLInputElement>("#file");
const drop = find("#drop");
const status = find("#status");
const failure = find("#failure");
const trainButton = find<HTMLButtonElement>("#train");
const faultButtons = [...document.querySelectorAll<HTMLButtonElement>("[data-fault]")];

const pictures = new Pictures();
const entries = new Map<number, Entry>();
const latest = new Latest();
let fault: Fault | null = null;

const current = (): Entry => entries.get(Number(tensor.value))!;

function fail(cause: unknown): void {
  failure.textContent = cause instanceof Error ? cause.message : String(cause);
  failure.hidden = false;
}

function settle(): void {
  failure.hidden = true;
}

/** The slider's bound: a share of the range of the tensor's values, in steps of a twentieth of a decade. */
function chosenBound({ least, most }: Entry): number {
  const range = most - least || 1;
  return Number((range * 10 ** (Number(bound.value) / 20 - 4)).toPrecision(3));
}

function chosen(): Choice {
  const value = chosenBound(current());
  const factor = 2 ** (Number(below.value) / 2);
  return {
    bound: value,
    negativeBound: below.disabled || factor === 1 ? null : Number((value * factor).toPrecision(3)),
    quantizer: quantizer.value as Quantizer,
    mode: mode.value as Mode,
    reZero: reZero.checked,
    seed: 1,
    fault,
  };
}

/** The number of planes along the last two leading dimensions: images and channels. */
function planesOf({ shape }: Entry): { images: number; channels: number } {
  const leading = shape.slice(0, -2);
  const channels = leading.at(-1) ?? 1;
  return { images: leading.slice(0, -1).reduce((a, b) => a * b, 1), channels };
}

function showChoice(): void {
  const entry = current();
  const choice = chosen();
  const share = choice.bound / (entry.most - entry.least || 1);
  find("#bound-value").textContent = `${choice.bound} (${short(100 * share)} % of the range)`;
  below.disabled = quantizer.value === "paper" || quantizer.value === "dithered";
  find("#below-value").textContent = below.disabled
    ? "needs support or signed"
    : choice.negativeBound === null
      ? "the same"
      : String(choice.negativeBound);
  find("#image-value").textContent = image.value;
  find("#channel-value").textContent = channel.value;
  find("#note").textContent =
    `${entry.note} ${entry.shape.join(" × ")} values from ${short(entry.least)} to ${short(entry.most)}.`;
}

function show(measured: Measurement, choice: Choice): void {
  showNumbers(measured);
  pictures.show(measured, choice);
  showPlanted(measured, choice, fault && explanations[fault]);
  void drawHistogram(find("#histogram"), measured, choice);
  void drawStages(find("#stages"), measured);
  document.documentElement.dataset.measured = String(
    Number(document.documentElement.dataset.measured ?? 0) + 1,
  );
}

function update(): void {
  showChoice();
  latest.run(async () => {
    try {
      const choice = chosen();
      const { channels } = planesOf(current());
      const plane = Number(image.value) * channels + Number(channel.value);
      show(await bench.measure(Number(tensor.value), plane, choice), choice);
    } catch (cause) {
      fail(cause);
    }
  });
}

/** Another tensor: its planes, and no fault of the one before. */
function choose(): void {
  const { images, channels } = planesOf(current());
  for (const [input, count] of [
    [image, images],
    [channel, channels],
  ] as const) {
    input.max = String(count - 1);
    input.value = "0";
    find(`#${input.id}-label`).hidden = count < 2;
  }
  press(null);
}

/** Puts tensors into the list and opens the first of them. */
function add(found: readonly Entry[], group: string): void {
  if (found.length === 0) return;
  const options = make("optgroup");
  options.label = group;
  for (const entry of found) {
    entries.set(entry.id, entry);
    const option = make("option", "", entry.name);
    option.value = String(entry.id);
    options.append(option);
  }
  if (tensor.disabled) tensor.replaceChildren();
  tensor.append(options);
  tensor.disabled = false;
  tensor.value = String(found[0]!.id);
  settle();
  choose();
}

async function addFile(chosenFile: File): Promise<void> {
  try {
    add(await bench.file(chosenFile.name, chosenFile), chosenFile.name);
  } catch (cause) {
    fail(cause);
  }
}

async function addTrained(): Promise<void> {
  trainButton.disabled = true;
  status.textContent = "The network is being prepared.";
  try {
    const onStep = proxy((step: number, loss: number) => {
      status.textContent = `Step ${step + 1} of 20, loss ${loss.toFixed(3)}.`;
    });
    add(await bench.train(document.baseURI, 20, onStep), "Trained here");
    status.textContent = "The outputs of the trained network are in the list.";
  } catch (cause) {
    status.textContent = "";
    fail(cause);
  }
  trainButton.disabled = false;
}

/** Switches one way to break the promise on, or the present one off. */
function press(next: Fault | null): void {
  if ((next === "rezero") !== (fault === "rezero")) reZero.checked = next === "rezero";
  fault = next;
  for (const button of faultButtons)
    button.setAttribute("aria-pressed", String(button.dataset.fault === fault));
  update();
}

tensor.addEventListener("change", choose);
for (const input of [image, channel, bound, below, quantizer, mode, reZero])
  input.addEventListener("input", update);
for (const button of faultButtons) {
  button.addEventListener("click", () =>
    press(fault === button.dataset.fault ? null : (button.dataset.fault as Fault)),
  );
}
trainButton.addEventListener("click", () => void addTrained());
file.addEventListener("change", () => {
  if (file.files?.[0]) void addFile(file.files[0]);
});
// A file that is dropped beside the frame would otherwise replace the page.
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("dragover", () => drop.classList.add("over"));
for (const name of ["dragleave", "drop", "dragend"])
  document.addEventListener(name, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  const dropped = event.dataTransfer?.files[0];
  if (dropped) void addFile(dropped);
});
find("#choices").addEventListener("submit", (event) => event.preventDefault());

try {
  add(await bench.samples(document.baseURI), "Samples of a trained ResNet-8");
  if (location.hash === handedOver) add(await bench.handedOver(), "From the training bench");
} catch (cause) {
  fail(cause);
}
