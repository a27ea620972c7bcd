/**
 * PNG, decoded by fast-png, which uses integers only. Grey becomes RGB, transparency is dropped, and 16-bit samples keep their
 * upper 8 bits. The library gets only the chunks that contain pixels, and only data that decompress to the size in the
 * header.
 */
import { inflateSync } from "node:zlib";
import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import { type Format, has, type Picture, pickChannels, type Size } from "./format.js";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const u32 = (bytes: Uint8Array, at: number): number =>
  bytes.length < at + 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

/** After the signature: u32 length, "IHDR", u32 width, u32 height, bits a sample, colour type, …, interlacing. */
function size(bytes: Uint8Array): Size {
  if (!has(bytes, 12, "IHDR")) throw new Error("a PNG without a header");
  return { width: u32(bytes, 16), height: u32(bytes, 20) };
}

/** Removes the chunks that pixels do not need; some of them are compressed. Chunk: u32 length, type, data, u32 CRC. */
function essential(bytes: Uint8Array): { file: Uint8Array; data: Uint8Array } {
  const kept: Uint8Array[] = [signature];
  const data: Uint8Array[] = [];
  for (let at = 8; at < bytes.length; ) {
    const end = at + 12 + u32(bytes, at);
    if (end > bytes.length) throw new Error("a PNG that ends too soon");
    const type = new TextDecoder("latin1").decode(bytes.subarray(at + 4, at + 8));
    if (type === "IHDR" && kept.length > 1) throw new Error("a PNG with a second header");
    if (type === "IDAT") data.push(bytes.subarray(at + 8, end - 4));
    if (["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].includes(type)) kept.push(bytes.subarray(at, end));
    if (type === "IEND") return { file: Buffer.concat(kept), data: Buffer.concat(data) };
    at = end;
  }
  throw new Error("a PNG that ends too soon");
}

const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** The largest size of the decompressed rows, with a filter byte before each. Interlaced images have at most twice the rows. */
function mostBytes(bytes: Uint8Array): number {
  const { width, height } = size(bytes);
  const rowBytes = 1 + Math.ceil((width * bytes[24]! * (channelsOf[bytes[25]!] ?? 4)) / 8);
  return bytes[28] === 0 ? rowBytes * height : 2 * rowBytes * height + 64 * (height + 8);
}

export const png: Format = {
  name: "PNG",
  begins: (bytes) => bytes[0] === 0x89 && has(bytes, 1, "PNG"),
  size,
  decode(bytes) {
    const { file, data } = essential(bytes);
    try {
      inflateSync(data, { maxOutputLength: mostBytes(bytes) });
    } catch (cause) {
      const large = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      throw large ? new Error("a PNG whose data decompress to more than its header says") : cause;
    }
    return pixelsOf(decode(file, { checkCrc: true }));
  },
};

function pixelsOf(image: DecodedPng): Picture {
  const { width, height } = image;
  if (image.palette) {
    const entry = image.palette[0]!.length;
    return {
      width,
      height,
      data: pickChannels(convertIndexedToRgb(image), width * height, entry, [0, 1, 2]),
    };
  }
  const grey = image.channels < 3;
  const channels = grey ? ([0, 0, 0] as const) : ([0, 1, 2] as const);
  return { width, height, data: pickChannels(wholeBytes(image), width * height, image.channels, channels) };
}

/**
 * Converts samples to 8 bits. Samples of 1, 2 or 4 bits are packed from the top bit of each row's bytes; all
 * ones becomes 255.
 */
function wholeBytes({ data, depth, width, height, channels }: DecodedPng): ArrayLike<number> {
  if (depth === 8) return data;
  if (depth === 16) return Uint8Array.from(data, (sample) => sample >> 8);
  const rowSamples = width * channels;
  const rowBytes = Math.ceil((rowSamples * depth) / 8);
  const most = (1 << depth) - 1;
  return Uint8Array.from({ length: rowSamples * height }, (_, i) => {
    const bit = (i % rowSamples) * depth;
    const byte = data[Math.floor(i / rowSamples) * rowBytes + (bit >> 3)]!;
    return (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
  });
}
