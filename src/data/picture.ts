/**
 * Decodes JPEG and PNG files to RGB bytes. JPEG uses mozjpeg compiled to WebAssembly and PNG uses integer
 * JavaScript, so the pixels are the same on every machine. Grey becomes RGB, transparency is dropped, and
 * 16-bit samples keep their upper 8 bits.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import decodeJpegFile, { init } from "@jsquash/jpeg/decode.js";
import { convertIndexedToRgb, type DecodedPng, decode as decodePngFile } from "fast-png";
import { DataError } from "../error.js";

export interface Picture {
  width: number;
  height: number;
  /** height × width × 3 bytes, red green blue. */
  data: Uint8Array;
}

/** `where` names the file in errors. */
export async function decodePicture(bytes: Uint8Array, where: string): Promise<Picture> {
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      return await decodeJpeg(bytes);
    }
    if (bytes[0] === 0x89 && bytes[1] === 0x50) {
      return decodePng(bytes);
    }
    throw new Error(bytes.length === 0 ? "an empty file" : "a file that does not start like either");
  } catch (cause) {
    throw new DataError({
      where,
      expected: "a whole JPEG or PNG image",
      got: cause instanceof Error ? cause.message : complaints.join(", ") || "a file that cannot be decoded",
      remedy: "replace or remove the file, or leave damaged files out with --skip-bad",
    });
  }
}

/** Messages of the JPEG library about the current file. The library repairs what it can and warns. */
const complaints: string[] = [];
let jpegReady: Promise<void> | null = null;

async function decodeJpeg(bytes: Uint8Array): Promise<Picture> {
  jpegReady ??= init({
    wasmBinary: readFileSync(
      createRequire(import.meta.url).resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"),
    ),
    printErr: (line: string) => complaints.push(line),
  } as Parameters<typeof init>[0]);
  await jpegReady;
  complaints.length = 0;
  const { width, height, data } = await decodeJpegFile(bytes as unknown as ArrayBuffer);
  // The library fills a truncated file up with grey, which is an error here. Stray bytes between segments are
  // common and harmless.
  const fatal = complaints.find((line) => !line.includes("extraneous bytes"));
  if (fatal !== undefined) {
    throw new Error(fatal);
  }
  return { width, height, data: pickChannels(data, width * height, 4, [0, 1, 2]) };
}

function decodePng(bytes: Uint8Array): Picture {
  const png = decodePngFile(bytes, { checkCrc: true });
  const { width, height } = png;
  if (png.palette) {
    const entry = png.palette[0]!.length;
    return { width, height, data: pickChannels(convertIndexedToRgb(png), width * height, entry, [0, 1, 2]) };
  }
  const grey = png.channels < 3;
  return {
    width,
    height,
    data: pickChannels(wholeBytes(png), width * height, png.channels, grey ? [0, 0, 0] : [0, 1, 2]),
  };
}

/** Picks three of the `channels` bytes of each pixel. */
function pickChannels(
  from: ArrayLike<number>,
  pixels: number,
  channels: number,
  [red, green, blue]: [number, number, number],
): Uint8Array {
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) {
    rgb[3 * p] = from[channels * p + red]!;
    rgb[3 * p + 1] = from[channels * p + green]!;
    rgb[3 * p + 2] = from[channels * p + blue]!;
  }
  return rgb;
}

/**
 * Converts samples to 8 bits. Samples of 1, 2 or 4 bits are packed from the top bit of each row's bytes; all
 * ones becomes 255.
 */
function wholeBytes({ data, depth, width, height, channels }: DecodedPng): ArrayLike<number> {
  if (depth === 8) {
    return data;
  }
  if (depth === 16) {
    return Uint8Array.from(data, (sample) => sample >> 8);
  }
  const rowSamples = width * channels;
  const rowBytes = Math.ceil((rowSamples * depth) / 8);
  const most = (1 << depth) - 1;
  return Uint8Array.from({ length: rowSamples * height }, (_, i) => {
    const bit = (i % rowSamples) * depth;
    const byte = data[Math.floor(i / rowSamples) * rowBytes + (bit >> 3)]!;
    return (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
  });
}
