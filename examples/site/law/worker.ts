/** The worker of the law bench: it holds one experiment, and draws its errors. */
import { expose } from "comlink";
import { decodeSafetensors, type NamedTensor } from "../../../src/files/safetensors-bytes.js";
import { fetchBytes } from "../fetch.js";
import { type Choice, type Draws, Experiment } from "./experiment.js";

let samples: Map<string, NamedTensor> | null = null;
let experiment: Experiment | null = null;

const bench = {
  async open(base: string): Promise<void> {
    samples = decodeSafetensors(await fetchBytes("samples.safetensors", base), "samples.safetensors").tensors;
  },

  /** Begins anew, under another choice. */
  async choose(choice: Choice): Promise<void> {
    await experiment?.close();
    experiment = new Experiment(samples!, choice);
  },

  draw: (count: number): Draws => experiment!.draw(count),

  boundFor: (sigma: number): number => experiment!.boundFor(sigma),
};

export type Bench = typeof bench;

expose(bench);
