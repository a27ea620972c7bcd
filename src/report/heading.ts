/** What ran, how it ended, and what a reader must know before comparing: the head of a page. */
import type { Manifest } from "../runs/manifest.js";
import type { Run } from "../runs/run.js";
import type { Settings } from "../training/session.js";
import { of } from "./series.js";

/** How a run ended, in words that promise no more than the manifest says. */
export function statusText({ status, steps, error, settings }: Manifest): string {
  switch (status) {
    case "done":
      return `done, ${count(steps, "step")}${steps === settings.stopAfter ? ", where it was told to stop" : ""}`;
    case "interrupted":
      return `interrupted after ${count(steps, "step")}`;
    case "failed":
      return `failed after ${count(steps, "step")}: ${error ?? "no reason recorded"}`;
    case "running":
      return "no end recorded: still running when this page was written, or ended without being able to say so";
  }
}

export const count = (n: number, noun: string): string =>
  `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

export interface Setting {
  name: string;
  values: string[];
  differs: boolean;
}

/** Every setting of every run. A setting that only compression reads is a dash for a plain run. */
export function settingsOf(manifests: readonly Manifest[]): Setting[] {
  const names = [
    ...new Set(manifests.flatMap(({ settings }) => Object.keys(settings))),
  ] as (keyof Settings)[];
  return names.map((name) => {
    const applies = ({ settings }: Manifest) =>
      cometOnly.has(name) ? settings.store !== "plain" : name !== "bound" || settings.policy === "fixed";
    const values = manifests.map((manifest) =>
      applies(manifest) && (name !== "bound" || manifest.settings.policy === "fixed")
        ? String(manifest.settings[name] ?? "–")
        : "–",
    );
    const meant = values.filter((value) => value !== "–");
    return { name, values, differs: new Set(meant).size > 1 };
  });
}

const cometOnly: ReadonlySet<string> = new Set(["policy", "bound", "every", "share", "quantizer", "mode"]);

/** Caveats, as sentences. */
export function notes(runs: readonly Run[], labels: readonly string[]): string[] {
  const result: string[] = [];
  runs.forEach(({ manifest }, i) => {
    const { status } = manifest;
    const epochs = of(runs[i]!, "epoch").length;
    if (status === "interrupted" || status === "failed" || status === "running") {
      const accuracy =
        epochs === 0
          ? "no epoch was finished, so there is no test accuracy"
          : `its test accuracy is that after ${count(epochs, "whole epoch")}`;
      result.push(
        `${labels[i]}: ${statusText(manifest)}. Its figures cover only what was done; ${accuracy}.`,
      );
    }
  });
  if (runs.length < 2) return result;
  const manifests = runs.map(({ manifest }) => manifest);
  const differing = settingsOf(manifests)
    .filter(
      ({ name, differs }) => differs && name !== "store" && name !== "stopAfter" && !cometOnly.has(name),
    )
    .map(({ name }) => name);
  if (new Set(manifests.map(({ data }) => data.hash)).size > 1) differing.push("data");
  if (
    new Set(manifests.map(({ versions }) => `${versions.comet} ${versions.node} ${versions.arch}`)).size > 1
  ) {
    differing.push("versions");
  }
  if (differing.length > 0) {
    result.push(
      `The runs differ in more than how they store tensors: ${differing.join(", ")}. What is compared below may come from that.`,
    );
  }
  const steps = manifests.map((manifest) => manifest.steps);
  if (new Set(steps).size > 1) {
    result.push(
      `The runs have different numbers of steps: ${steps.map((n, i) => `${n.toLocaleString("en")} (${labels[i]})`).join("; ")}.`,
    );
  }
  return result;
}
