/** The law bench: its controls, and what they show. The worker draws the errors. */
import { type Remote, wrap } from "comlink";
import { find, make } from "../element.js";
import { Latest } from "../latest.js";
import { short, whole } from "../number.js";
import type { Choice, Draws, Kind } from "./experiment.js";
import { finding, notes } from "./finding.js";
import { drawWeights, ErrorHistogram } from "./histogram.js";
import type { Bench } from "./worker.js";

const bench: Remote<Bench> = wrap<Bench>(
  new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
);

const kind = find<HTMLSelectElement>("#kind");
const parameter = find<HTMLSelectElement>("#parameter");
const bound = find<HTMLInputElement>("#bound");
const sigma = find<HTMLInputElement>("#sigma");
const givenSigma = find<HTMLInputElement>("#given-sigma");
const quantizer = find<HTMLSelectElement>("#quantizer");
const background = find<HTMLInputElement>("#background");
const more = find<HTMLButtonElement>("#more");
const status = find("#status");
const failure = find("#failure");

/** The gradients whose errors are predicted; the first is that of the piece's own op. */
const parameters: Readonly<Record<Kind, readonly string[]>> = {
  convolution: ["conv1.weight"],
  norm: ["bn1.weight", "conv1.weight"],
  sum: [
    "layer1.0.bn2.weight",
    "layer1.0.conv2.weight",
    "layer1.0.bn1.weight",
    "layer1.0.conv1.weight",
    "bn1.weight",
    "conv1.weight",
  ],
};

/** Each message of the worker is a batch of draws. */
const [drawsAtOnce, drawsInAll] = [12, 120];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const latest = new Latest();
/** Grows with each choice, so that draws of an older one are left out. */
let version = 0;
let last: { draws: Draws; choice: Choice } | null = null;
let histograms = new Map<string, ErrorHistogram>();

const chosenBound = () => Number((10 ** (Number(bound.value) / 15 - 3.6)).toPrecision(3));
/** A share of the gradient's root mean square. */
const chosenShare = () => Number((10 ** (Number(sigma.value) / 15 - 4)).toPrecision(2));

const chosen = (): Choice => ({
  kind: kind.value as Kind,
  bound: chosenBound(),
  quantizer: quantizer.value as Choice["quantizer"],
  background: Number(background.value) / 20,
});

function showControls(): void {
  bound.disabled = givenSigma.checked;
  sigma.disabled = !givenSigma.checked;
  more.disabled = quantizer.value !== "dithered";
  find("#bound-value").textContent = givenSigma.checked ? "follows from σ" : String(chosenBound());
  find("#sigma-value").textContent = givenSigma.checked ? `${short(100 * chosenShare())} %` : "–";
  find("#background-value").textContent =
    background.value === "0" ? "0: exact zeros" : short(Number(background.value) / 20);
  find("#kind-note").textContent = notes[kind.value as Kind];
}

/** The gradient of the piece's own op, or the one that the reader has chosen. */
function rowOf(draws: Draws) {
  return draws.rows.find((row) => row.parameter === parameter.value) ?? draws.rows[0]!;
}

function show(): void {
  if (!last) return;
  const { draws, choice } = last;
  const row = rowOf(draws);
  const texts: Record<string, string> = {
    predicted: short(row.predicted, 4),
    measured: short(row.measured, 4),
    ratio: short(row.predicted / row.measured),
    draws: whole(draws.draws),
    "bound-used": short(choice.bound),
    worst:
      draws.worstCase === null
        ? "–"
        : `${short(draws.worstCase)}, ${short(draws.worstCase / row.predicted)} σ`,
    share: `${short((100 * row.measured) / row.gradient)} %`,
  };
  for (const [id, text] of Object.entries(texts)) find(`#${id}`).textContent = text;
  const right = Math.abs(row.predicted / row.measured - 1) < 0.15;
  find("#ratio").className = right ? "good" : "bad";
  find("#finding").textContent = finding(choice, row, right);
  find("#rows").replaceChildren(
    ...draws.rows.map(({ parameter, weights, gradient, measured, predicted, own }) => {
      const cells = [
        whole(weights),
        ...[gradient, measured, predicted, own, predicted / measured].map((value) => short(value)),
      ];
      const head = make("th", "", parameter);
      head.scope = "row";
      return make("tr", "", head, ...cells.map((cell) => make("td", "number", cell)));
    }),
  );
  void histograms.get(row.parameter)?.draw(find("#histogram"));
  void drawWeights(find("#weights"), draws.weights[row.parameter]!);
}

function take(draws: Draws, choice: Choice): void {
  last = { draws, choice };
  for (const [name, errors] of Object.entries(draws.standardized)) {
    if (!histograms.has(name)) histograms.set(name, new ErrorHistogram());
    histograms.get(name)!.add(errors);
  }
}

/** Draws in batches, and shows each: the distribution grows before the reader's eyes, unless motion is unwanted. */
async function drawOn(choice: Choice, own: number): Promise<void> {
  // Without dither nothing is random, and one draw says all.
  const batches = choice.quantizer === "dithered" ? drawsInAll / drawsAtOnce : 1;
  for (let i = 0; i < batches && own === version; i++) {
    take(await bench.draw(drawsAtOnce), choice);
    if (own !== version) return;
    if (!still.matches || i === batches - 1) show();
  }
  if (own !== version) return;
  status.textContent =
    choice.quantizer === "dithered"
      ? ""
      : "Without dither every draw has the same errors, so there is only one.";
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn ?? 0) + 1);
}

function run(work: (own: number) => Promise<void>): void {
  const own = ++version;
  status.textContent = "Drawing errors.";
  latest.run(async () => {
    try {
      await work(own);
      failure.hidden = true;
    } catch (cause) {
      failure.textContent = cause instanceof Error ? cause.message : String(cause);
      failure.hidden = false;
    }
  });
}

/** The bound that the law gives for the accepted σ: one draw tells the law's terms, which do not depend on the bound. */
async function solved(choice: Choice): Promise<Choice> {
  await bench.choose(choice);
  const { rows } = await bench.draw(1);
  const row = rows.find(({ parameter }) => parameter === parameters[choice.kind][0])!;
  return { ...choice, bound: await bench.boundFor(chosenShare() * row.gradient) };
}

function restart(): void {
  showControls();
  run(async (own) => {
    const choice = givenSigma.checked ? await solved(chosen()) : chosen();
    if (own !== version) return;
    await bench.choose(choice);
    histograms = new Map();
    await drawOn(choice, own);
  });
}

function chooseKind(): void {
  parameter.replaceChildren(...parameters[kind.value as Kind].map((name) => make("option", "", name)));
  restart();
}

for (const input of [
  bound,
  sigma,
  quantizer,
  background,
  ...document.querySelectorAll<HTMLInputElement>("[name=given]"),
]) {
  input.addEventListener("input", restart);
}
kind.addEventListener("input", chooseKind);
parameter.addEventListener("input", show);
more.addEventListener("click", () => {
  if (last) run((own) => drawOn(last!.choice, own));
});
find("#choices").addEventListener("submit", (event) => event.preventDefault());

try {
  await bench.open(document.baseURI);
  chooseKind();
} catch (cause) {
  failure.textContent = cause instanceof Error ? cause.message : String(cause);
  failure.hidden = false;
}
