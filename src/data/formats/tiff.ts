/**
 * TIFF, decoded by the package tiff. Reads the first page if it is grey, palette or RGB with 8 bits a sample, in strips, and
 * uncompressed or compressed with LZW or deflate. An error says of which kind any other file is.
 */
import { inflateSync } from "node:zlib";
import { decode, type TiffIfd } from "tiff";
import { type Format, has, type Picture, pickChannels } from "./format.js";

/** Reads the fields of the first page, and its pixels unless `ignoreImageData` is set. */
const firstPage = (bytes: Uint8Array, ignoreImageData: boolean): TiffIfd =>
  decode(bytes, { pages: [0], ignoreImageData })[0]!;

const lzw = 5;
const deflates = [8, 32946];

function checkReadable(page: TiffIfd): void {
  const { bitsPerSample, samplesPerPixel, compression, type } = page;
  const kind = `${bitsPerSample ?? 1} bits, ${samplesPerPixel} samples a pixel, compression ${compression}, photometric ${type ?? "none"}`;
  const readable =
    !page.tiled &&
    page.stripOffsets !== undefined &&
    (page.planarConfiguration === 1 || samplesPerPixel === 1) &&
    bitsPerSample === 8 &&
    [1, lzw, ...deflates].includes(compression) &&
    type <= 3 &&
    page.fillOrder === 1 &&
    samplesPerPixel <= 4 &&
    (type === 2 ? samplesPerPixel >= 3 : samplesPerPixel <= 2);
  if (!readable)
    throw new Error(`a TIFF of a kind that is not read: ${kind}${page.tiled ? ", in tiles" : ""}`);
}

/** Throws an Error if a strip decompresses to more bytes than the header allows, without keeping those bytes. */
function checkStrips(bytes: Uint8Array, page: TiffIfd): void {
  const { width, height, samplesPerPixel, compression } = page;
  const most = width * samplesPerPixel * Math.min(page.rowsPerStrip, height);
  page.stripOffsets.forEach((offset, i) => {
    const strip = bytes.subarray(offset, offset + (page.stripByteCounts?.[i] ?? bytes.length));
    const fits =
      compression === lzw
        ? lzwLength(strip, most) <= most
        : !deflates.includes(compression) || inflateSync(strip, { maxOutputLength: most }).length <= most;
    if (!fits) throw new Error("a TIFF whose strips decompress to more than its header says");
  });
}

/** Counts the bytes that TIFF's LZW data decompress to, without decompressing them. Stops soon after `most`. */
export function lzwLength(data: Uint8Array, most: number): number {
  const [clear, end] = [256, 257];
  const lengths = new Uint16Array(4096).fill(1, 0, 256);
  let next = end + 1;
  let width = 9;
  let previous = 0;
  let total = 0;
  for (let bit = 0; bit + width <= 8 * data.length && total <= most; ) {
    const at = bit >> 3;
    const three = (data[at]! << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
    const code = (three >> (24 - (bit & 7) - width)) & ((1 << width) - 1);
    bit += width;
    if (code === end) break;
    if (code === clear) {
      [next, width, previous] = [end + 1, 9, 0];
      continue;
    }
    const length = code < next ? lengths[code]! : previous + 1;
    total += length;
    if (previous > 0 && next < 4096) lengths[next++] = previous + 1;
    previous = length;
    width = next >= 2047 ? 12 : next >= 1023 ? 11 : next >= 511 ? 10 : 9;
  }
  return total;
}

export const tiff: Format = {
  name: "TIFF",
  begins: (bytes) => has(bytes, 0, "II*\0") || has(bytes, 0, "MM\0*"),
  size: (bytes) => firstPage(bytes, true),
  decode(bytes) {
    const page = firstPage(bytes, true);
    checkReadable(page);
    checkStrips(bytes, page);
    return pixelsOf(firstPage(bytes, false));
  },
};

function pixelsOf(page: TiffIfd): Picture {
  const { width, height, samplesPerPixel, data, palette } = page;
  const pixels = width * height;
  if (palette) {
    // Colours have 16 bits. Pillow keeps the upper 8 bits as well.
    const colours = Uint8Array.from(
      { length: 3 * pixels },
      (_, i) => palette[data[Math.floor(i / 3)]!]![i % 3]! >> 8,
    );
    return { width, height, data: colours };
  }
  const channels = samplesPerPixel < 3 ? ([0, 0, 0] as const) : ([0, 1, 2] as const);
  return { width, height, data: pickChannels(data, pixels, samplesPerPixel, channels) };
}
