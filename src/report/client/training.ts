/** Curves over the steps, all runs in one plot: loss, accuracy, saved bytes. */
import type * as PlotModule from "@observablehq/plot";
import type { RunData } from "../data.js";
import { across, byteUnit, frame, runColours, runs } from "./frame.js";

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
  overSteps(box, "Accuracy by step", { label: "% right", percent: true }, (run) => [
    ...curve(run, run.smoothAccuracy, "training accuracy"),
    Plot.line(run.epochs, { x: "step", y: "accuracy", stroke: run.colour, strokeDasharray: "3,3" }),
    Plot.dot(run.epochs, {
      x: "step",
      y: "accuracy",
      r: run.width + 2,
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
  /** Of the stroke: wider for an earlier run, which later ones are drawn over. */
  width: number;
  epochs: RunData["epochs"];
}

type StepRun = Line & RunData["steps"];

/** One plot with all runs over the steps. */
function overSteps(
  box: HTMLElement,
  ariaLabel: string,
  y: { label: string; percent?: boolean; zero?: boolean },
  marks: (run: StepRun) => PlotModule.Markish[],
): void {
  const shown = runs.map(({ label, steps, epochs }, i): StepRun => {
    const width = 1.6 + (runs.length > 1 ? (2.2 * (runs.length - 1 - i)) / (runs.length - 1) : 0.4);
    return { ...steps, label, epochs, colour: runColours.range[i]!, width };
  });
  box.append(
    Plot.plot({
      ...frame(ariaLabel),
      width: box.clientWidth,
      height: Math.max(240, Math.min(360, box.clientWidth * 0.45)),
      x: across("step"),
      y: { ...y, grid: true },
      color: { ...runColours, legend: true },
      marks: shown.flatMap(marks),
    }),
  );
}

/** A run's line; a run of very few steps shows them as dots. */
const curve = (run: StepRun, values: number[], what: string): PlotModule.Markish[] => [
  Plot.lineY(values, {
    x: run.step,
    y: values,
    stroke: run.colour,
    strokeWidth: run.width,
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
