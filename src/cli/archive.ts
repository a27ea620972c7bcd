/**
 * A .cmt file: a file's bytes in order, its float32 tensors as frames, a part at a time, so that neither side ever
 * holds more than a part.
 *
 *   "CMTA" 01 | 00 u32 n  n bytes as they are | 01 frame | … | 02 u32 checksum, f64 bytes of what decoding gives
 */
import { type FileHandle, open } from "node:fs/promises";
import { stdin, stdout } from "node:process";
import { addStripes, foldLanes, startLanes, stripeBytes } from "../codec/checksum.js";
import { DataError, FrameError } from "../error.js";
import { Output } from "../files/output.js";

export const magic = Uint8Array.of(0x43, 0x4d, 0x54, 0x41, 1);
export const section = { bytes: 0, frame: 1, end: 2 } as const;
/** Values in a part at most. */
export const partLength = 1 << 21;

/** Bytes in order, from a file or from standard input ("-"). */
export class Source {
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #file: FileHandle | null;
  #held: Uint8Array = new Uint8Array(0);

  private constructor(name: string, chunks: AsyncIterable<Uint8Array>, file: FileHandle | null) {
    this.name = name;
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#file = file;
  }

  static async open(path: string): Promise<Source> {
    if (path === "-") return new Source("standard input", stdin, null);
    const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
      throw new DataError({
        where: path,
        expected: "a file that can be read",
        got: cause.code ?? cause.message,
        remedy: "check the path",
      });
    });
    return new Source(path, file.createReadStream({ highWaterMark: 1 << 20, autoClose: false }), file);
  }

  /** Bytes of the whole file; NaN where nobody knows. */
  async bytes(): Promise<number> {
    return this.#file ? (await this.#file.stat()).size : Number.NaN;
  }

  /** The next `length` bytes, fewer at the end. */
  async read(length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      if (this.#held.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) break;
        this.#held = value;
      }
      const some = this.#held.subarray(0, length - at);
      out.set(some, at);
      at += some.length;
      this.#held = this.#held.subarray(some.length);
    }
    return out.subarray(0, at);
  }

  /** Exactly `length` bytes. Throws a FrameError that names `field`. */
  async take(length: number, field: string): Promise<Uint8Array> {
    const bytes = await this.read(length);
    if (bytes.length < length) {
      throw new FrameError({
        where: `${this.name}: ${field}`,
        expected: `${length} bytes`,
        got: `${bytes.length}`,
        remedy: "the file is cut off: get it whole",
      });
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/** Bytes in order to a file that appears whole or not at all, or to standard output ("-"). */
export class Sink {
  readonly #output: Output | null;
  bytes = 0;

  constructor(path: string) {
    this.#output = path === "-" ? null : Output.open(path);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length;
    if (this.#output) this.#output.write(bytes);
    else
      await new Promise<void>((done, fail) => stdout.write(bytes, (error) => (error ? fail(error) : done())));
  }

  commit(): void {
    this.#output?.commit();
  }

  abandon(): void {
    this.#output?.abandon();
  }
}

/** The checksum of bytes that come in pieces. */
export class Content {
  readonly #lanes = startLanes();
  #rest: Uint8Array = new Uint8Array(0);
  bytes = 0;

  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    const all = new Uint8Array(this.#rest.length + piece.length);
    all.set(this.#rest);
    all.set(piece, this.#rest.length);
    const whole = all.length - (all.length % stripeBytes);
    addStripes(this.#lanes, all.subarray(0, whole));
    this.#rest = all.slice(whole);
  }

  checksum(): number {
    const lanes = this.#lanes.slice();
    addStripes(lanes, this.#rest);
    return foldLanes(lanes, this.bytes);
  }
}
