/** The embedded images as a data set, fetched from the site's own folder `data`. It runs in a page or a worker. */
import { type Dataset, fashionClasses, type IdxFile, idxDataset } from "../../src/browser.js";
import { fetchBytes } from "./fetch.js";

/** Unpacks gzip. Some hosts have done so already, and then the bytes come as they are. */
async function unzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const body = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(body).arrayBuffer());
}

const file = async (where: string, base: string): Promise<IdxFile> => ({
  where,
  bytes: await unzipped(await fetchBytes(`${where}.gz`, base)),
});

const pair = (part: string, base: string) =>
  Promise.all([file(`${part}-images-idx3-ubyte`, base), file(`${part}-labels-idx1-ubyte`, base)]);

export async function embeddedDataset(base: string): Promise<Dataset> {
  const [train, test] = await Promise.all([pair("train", base), pair("t10k", base)]);
  return idxDataset("fashion-mnist", fashionClasses, train, test);
}
