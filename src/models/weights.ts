/** Loads and saves a model's weights and running statistics in safetensors files, with PyTorch's names. */
import type { Normalization } from "../data/normalize.js";
import { type CometError, DataError, ShapeError } from "../error.js";
import {
  type NamedTensor,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from "../files/safetensors.js";
import type { Module } from "../nn/index.js";
import { suggestion } from "../suggest.js";

/**
 * The number of batches that a batch normalisation has seen. It is written as PyTorch does, and is 0 if an
 * old file lacks it.
 */
const isCount = (name: string) => name.endsWith("num_batches_tracked");

/** Weights published by others: the format of the images, and the names in the file. */
export interface Published {
  normalization: Normalization;
  /** Side of the images, in pixels. */
  size: number;
  /** Translates PyTorch's name to the file's. */
  name(name: string): string;
}

/**
 * Fills the model from a file that must hold exactly the model's tensors in their shapes. Everything is
 * checked before anything is loaded.
 */
export async function loadWeights(model: Module, path: string): Promise<void> {
  fillWeights(model, await readSafetensors(path), path);
}

/** `where` names the file in errors; `nameIn` returns a tensor's name in the file. */
export function fillWeights(
  model: Module,
  { tensors: found }: Safetensors,
  where: string,
  nameIn: (name: string) => string = (name) => name,
): void {
  const wanted = new Map([...model.state()].map(([name, tensor]) => [nameIn(name), tensor]));
  const names = [...wanted.keys()];
  for (const name of found.keys()) {
    if (wanted.has(name)) continue;
    throw new DataError({
      where,
      expected: "tensors of this model only",
      got: `"${name}", which the model does not have`,
      remedy: suggestion(name, names),
    });
  }
  for (const [name, tensor] of wanted) {
    const source = found.get(name);
    if (source === undefined && isCount(name)) continue;
    const problem: CometError | null =
      source === undefined
        ? new DataError({
            where,
            expected: `"${name}" [${tensor.shape}]`,
            got: "no such tensor",
            remedy: "choose the settings.model or the network that the file was written for",
          })
        : source.shape.join() !== tensor.shape.join()
          ? new ShapeError({
              where: `${where}, "${name}"`,
              expected: `[${tensor.shape}]`,
              got: `[${source.shape}]`,
              remedy: "choose the settings.model or the network, and the data, that the file was written for",
            })
          : null;
    if (problem) throw problem;
  }
  for (const [name, tensor] of wanted) tensor.data.set(found.get(name)?.data ?? [0]);
}

/** Writes all weights and running statistics. The file is complete or does not appear at all. */
export function saveWeights(
  model: Module,
  path: string,
  metadata: Record<string, string> = {},
): Promise<void> {
  const tensors = [...model.state()].map(([name, { shape, data }]): [string, NamedTensor] => [
    name,
    { shape, data, type: isCount(name) ? "I64" : "F32" },
  ]);
  return writeSafetensors(path, tensors, metadata);
}
