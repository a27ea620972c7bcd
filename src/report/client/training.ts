/** Curves over the steps, with all runs in one plot: loss, accuracy, saved bytes. */
import type * as PlotModule from "@observablehq/plot";
import type { RunData } from "../series.js";
import { greatestOf } from "./extremes.js";
import { across, byteUnit, coloursOf, frame, runColours, runs } from "./frame.js";

declare const Plot: typeof PlotModule;

export function loss(box: HTMLElement): void {
  overSteps(box, "Training loss by step", { label: "cross entropy" }, (run) => [
    Plot.lineY(run.loss, {
      x: run.step,
      y: run.loss,
      stroke: run.colour,
      strokeOpacity: 0.25,
      strokeWidth: 1,
    }),
    ...curve(run, run.smoothLoss, "loss"),
  ]);
}

export function accuracy(box: HTMLElement): void {
  overSteps(box, "Accuracy by step", { label: "% correct", percent: true }, (run) => [
    ...curve(run, run.smoothAccuracy, "training accuracy"),
    Plot.line(run.epochs, { x: "step", y: "accuracy", stroke: run.colour, strokeDasharray: "3,3" }),
    Plot.dot(run.epochs, {
      x: "step",
      y: "accuracy",
      r: 2 + run.width,
      fillOpacity: run.opacity,
      fill: run.colour,
      title: ({ step, accuracy }) =>
        `${run.label}\ntest accuracy ${(100 * accuracy).toFixed(2)} %\nafter step ${step}`,
      tip: true,
    }),
  ]);
}

export function saved(box: HTMLElement): void {
  const bytes = runs.flatMap(({ steps }) => steps.savedPeakBytes);
  const unit = byteUnit(bytes.reduce<number>((most, value) => Math.max(most, value ?? 0), 0));
  overSteps(box, "Saved-for-backward peak by step", { label: unit.name, zero: true }, (run) => {
    const known = run.step.map((_, i) => i).filter((i) => run.savedPeakBytes[i] !== null);
    const step = known.map((i) => run.step[i]!);
    const values = known.map((i) => run.savedPeakBytes[i]! / unit.bytes);
    return curve({ ...run, step }, values, unit.name);
  });
}

interface Line {
  label: string;
  colour: string;
  /**
   * The stroke's width and opacity. Earlier runs are wide and pale, because later ones are drawn over them.
   */
  width: number;
  opacity: number;
  epochs: RunData["epochs"];
}

type StepRun = Line & RunData["steps"];

/** One plot over the steps with all runs. */
function overSteps(
  box: HTMLElement,
  ariaLabel: string,
  y: { label: string; percent?: boolean; zero?: boolean },
  marks: (run: StepRun) => PlotModule.Markish[],
): void {
  const shown = runs.map(({ label, steps, epochs }, i): StepRun => {
    const early = runs.length > 1 ? (runs.length - 1 - i) / (runs.length - 1) : 0;
    const style = { colour: runColours.range[i]!, width: 1.8 + 3.6 * early, opacity: 1 - 0.45 * early };
    return { ...steps, label, epochs, ...style };
  });
  const longest = greatestOf(shown.map(({ step }) => step.length));
  box.append(
    Plot.plot({
      ...frame(ariaLabel),
      width: box.clientWidth,
      height: Math.max(240, Math.min(360, box.clientWidth * 0.45)),
      x: {
        ...across("step"),
        domain: [
          0,
          greatestOf(
            shown.map(({ step }) => step.at(-1) ?? 0),
            1,
          ),
        ],
      },
      // A single value does not define a scale.
      y: { ...y, grid: true, ...(longest < 2 ? { zero: true } : {}) },
      color: coloursOf(runs),
      marks: shown.flatMap(marks),
    }),
  );
}

/** The line of a run; a run of very few steps shows them as dots. */
const curve = (run: StepRun, values: number[], what: string): PlotModule.Markish[] => [
  Plot.lineY(values, {
    x: run.step,
    y: values,
    stroke: run.colour,
    strokeWidth: run.width,
    strokeOpacity: run.opacity,
    ...(values.length < 10 ? { marker: "dot" as const } : {}),
  }),
  Plot.tip(
    values,
    Plot.pointer({
      x: run.step,
      y: values,
      title: values.map((value, i) => `${run.label}\nstep ${run.step[i]}\n${what} ${value.toPrecision(4)}`),
      maxRadius: 20,
    }),
  ),
];
