/** The worker of the codec bench: it holds the tensors, and computes all that the page shows. */
import { expose, transfer } from "comlink";
import { fetchBytes } from "../fetch.js";
import { keptTensors } from "../handover.js";
import { type Choice, type Measurement, measure, type Plane } from "./measure.js";
import { photographOf, type Source, samplesOf, tensorsOf } from "./source.js";

/** A tensor as the page knows it. */
export interface Entry {
  id: number;
  name: string;
  note: string;
  shape: number[];
  /** The largest and the least finite value. */
  least: number;
  most: number;
}

const sources: Source[] = [];

function entriesOf(found: readonly Source[]): Entry[] {
  return found.map((source) => {
    const { name, note, shape, data } = source;
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of data) {
      if (!Number.isFinite(value)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    if (least > most) [least, most] = [0, 0];
    return { id: sources.push(source) - 1, name, note, shape, least, most };
  });
}

/** The numbers of dimensions behind each other as one list of planes; a tensor of one dimension is one row. */
function planeOf({ shape }: Source, number: number): Plane {
  const [height, width] = [shape.at(-2) ?? 1, shape.at(-1)!];
  return { begin: number * height * width, height, width };
}

const isTensorFile = (name: string) => /\.(npy|safetensors)$/i.test(name);

const bench = {
  async samples(base: string): Promise<Entry[]> {
    return entriesOf(samplesOf(await fetchBytes("samples.safetensors", base)));
  },

  /** What the training bench has left for this page. */
  async handedOver(): Promise<Entry[]> {
    const bytes = await keptTensors();
    return bytes ? entriesOf(tensorsOf("training.safetensors", bytes)) : [];
  },

  /** Throws an error whose message says what is wrong with the file. */
  async file(name: string, file: Blob): Promise<Entry[]> {
    if (!isTensorFile(name)) return entriesOf([await photographOf(name, file)]);
    return entriesOf(tensorsOf(name.toLowerCase(), new Uint8Array(await file.arrayBuffer())));
  },

  async train(base: string, steps: number, onStep: (step: number, loss: number) => void): Promise<Entry[]> {
    const { trainedOutputs } = await import("./training.js");
    return entriesOf(await trainedOutputs(base, steps, onStep));
  },

  /** `plane` counts the planes of all leading dimensions. */
  measure(id: number, plane: number, choice: Choice): Measurement {
    const source = sources[id]!;
    const measured = measure(source.data, source.shape, planeOf(source, plane), choice);
    const { x, decoded, integer, prediction, code, bits, raw } = measured.picture;
    return transfer(
      measured,
      [x, decoded, integer, prediction, code, bits, raw].map(({ buffer }) => buffer as ArrayBuffer),
    );
  },
};

export type Bench = typeof bench;

expose(bench);
