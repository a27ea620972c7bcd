/** The tensors that the build took from a ResNet-8 in training: see the site's samples.ts. */
import { decodeSafetensors, type NamedTensor } from "../../../src/files/safetensors-bytes.js";
import { fetchBytes } from "../fetch.js";

export type Sample = NamedTensor;

let loaded: Promise<Map<string, Sample>> | null = null;

async function load(): Promise<Map<string, Sample>> {
  const name = "samples.safetensors";
  return decodeSafetensors(await fetchBytes(name, document.baseURI), name).tensors;
}

/** One of them, by its name in the file, for example `x/relu`. */
export async function sample(name: string): Promise<Sample> {
  loaded ??= load();
  const found = (await loaded).get(name);
  if (!found) throw new Error(`${name} is not among the samples`);
  return found;
}

/** One channel of all images: N × height × width values. */
export function channelOf({ shape, data }: Sample, channel: number): Sample {
  const [images, channels, height, width] = shape as [number, number, number, number];
  const size = height * width;
  const plane = new Float32Array(images * size);
  for (let n = 0; n < images; n++) {
    plane.set(data.subarray((n * channels + channel) * size, (n * channels + channel + 1) * size), n * size);
  }
  return { shape: [images, 1, height, width], data: plane };
}
