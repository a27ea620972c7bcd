/** The head of a page: the runs, how they ended, and caveats for comparing them. */
import type { Manifest } from "../runs/manifest.js";
import type { Run } from "../runs/run.js";
import { reads, storeSettings } from "../stores/registry.js";
import type { Settings } from "../training/settings.js";
import { of } from "./series.js";

/** How a run ended. It states only what the manifest records. */
export function statusText({ status, steps, error, settings }: Manifest): string {
  switch (status) {
    case "done":
      return `done, ${count(steps, "step")}${steps === settings.stopAfter ? ", as requested by stopAfter" : ""}`;
    case "interrupted":
      return `interrupted after ${count(steps, "step")}`;
    case "failed":
      return `failed after ${count(steps, "step")}: ${error ?? "no reason recorded"}`;
    case "running":
      return "no end recorded: it was still running when this page was written, or it was killed";
  }
}

export const count = (n: number, noun: string): string =>
  `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

export interface Setting {
  name: string;
  values: string[];
  differs: boolean;
}

/** All settings of all runs. A setting that a run does not read is a dash. */
export function settingsOf(manifests: readonly Manifest[]): Setting[] {
  const names = [...new Set(manifests.flatMap(({ settings }) => Object.keys(settings)))];
  return names.map((name) => {
    const values = manifests.map(({ settings }) =>
      reads(settings, name) ? String(settings[name as keyof Settings] ?? "–") : "–",
    );
    const meant = values.filter((value) => value !== "–");
    return { name, values, differs: new Set(meant).size > 1 };
  });
}

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
        `${labels[i]}: ${statusText(manifest)}. Its figures cover only the finished part; ${accuracy}.`,
      );
    }
  });
  if (runs.length < 2) return result;
  const manifests = runs.map(({ manifest }) => manifest);
  const differing = settingsOf(manifests)
    .filter(
      ({ name, differs }) =>
        differs && name !== "store" && name !== "stopAfter" && !Object.hasOwn(storeSettings, name),
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
      `The runs differ in more than how they store tensors: ${differing.join(", ")}. Differences below may be due to that.`,
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
