/** Where the tensors of the codec bench come from: shipped samples, files of the reader, photographs, own training. */
import { decodeNpy } from "../../../src/files/npy.js";
import { decodeSafetensors, type NamedTensor } from "../../../src/files/safetensors-bytes.js";

export interface Source {
  name: string;
  shape: number[];
  data: Float32Array;
  /** What to say about it. */
  note: string;
}

/** More values than this would make the page slow: the plain TypeScript of the codec counts the bytes of each stage. */
export const mostValues = 2 ** 20;

/** Takes as many whole slices along the first dimension as the bench can hold. */
function held(name: string, { shape, data }: NamedTensor, note: string): Source {
  const sizes = shape.length === 0 ? [1] : [...shape];
  const each = data.length / Math.max(1, sizes[0]!);
  if (data.length === 0)
    throw new Error(`${name}: expected a tensor with values, got shape [${sizes.join(", ")}]`);
  if (data.length <= mostValues) return { name, shape: sizes, data, note };
  if (each > mostValues) {
    const got = `slices of ${each.toLocaleString("en")} values`;
    throw new Error(
      `${name}: expected slices of at most ${mostValues.toLocaleString("en")} values, got ${got}; save a part of it`,
    );
  }
  const kept = Math.floor(mostValues / each);
  const cut = { shape: [kept, ...sizes.slice(1)], data: data.slice(0, kept * each) };
  return { name, ...cut, note: `${note} Only the first ${kept} of ${sizes[0]} slices are shown.` };
}

const samples: Readonly<Record<string, readonly [name: string, note: string]>> = {
  "x/relu": ["Output of the first ReLU", "A little over half of the values are 0."],
  "x/layer1.0.relu": ["Output of the first block", "The sum of a branch and a shortcut, after a ReLU."],
  "x/layer2.0.relu": ["Output of the second block", "32 channels of half the size."],
  "x/layer3.0.relu": [
    "Output of the third block",
    "64 channels of 7 × 7: small planes leave little to predict.",
  ],
  "x/bn1": [
    "Output of a batch normalisation",
    "Values of both signs, before a ReLU. This is what COMET keeps of such a chain.",
  ],
  images: ["Images", "The input of the network. The background is exactly 0."],
};

/** The shipped samples, the most instructive one first. */
export function samplesOf(bytes: Uint8Array): Source[] {
  const { tensors } = decodeSafetensors(bytes, "samples.safetensors");
  return Object.entries(samples).map(([key, [name, note]]) => held(name, tensors.get(key)!, note));
}

/** The tensors of a file. Throws an error that names what is wrong with it. */
export function tensorsOf(name: string, bytes: Uint8Array): Source[] {
  const note = "A tensor of your own file.";
  if (name.endsWith(".npy")) return [held(name, decodeNpy(bytes, name), note)];
  const { tensors } = decodeSafetensors(bytes, name);
  if (tensors.size === 0) throw new Error(`${name}: expected a tensor, got none`);
  return [...tensors].map(([tensor, values]) => held(`${name}: ${tensor}`, values, note));
}

/** The longer side of a photograph after it has been made smaller. */
const photographSide = 256;

/** Red, green and blue of a photograph as three planes from 0 to 1. */
export async function photographOf(name: string, file: Blob): Promise<Source> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(
      `${name}: expected a photograph, .npy or .safetensors, got a file that this browser cannot read; choose another file`,
    );
  });
  const scale = Math.min(1, photographSide / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const size = width * height;
  const values = Float32Array.from(
    { length: 3 * size },
    (_, i) => data[4 * (i % size) + Math.floor(i / size)]! / 255,
  );
  return {
    name,
    shape: [3, height, width],
    data: values,
    note: "Red, green and blue of your photograph, from 0 to 1.",
  };
}
