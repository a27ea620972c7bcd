/** The input of compress and decompress: the bytes of a file or of standard input, in order. */
import { type FileHandle, open } from "node:fs/promises";
import { stdin } from "node:process";
import { Readable } from "node:stream";
import { DataError, FrameError } from "../error.js";

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
    const file = await open(path).catch((cause) => {
      throw unreadable(path, cause);
    });
    return new Source(path, file.createReadStream({ highWaterMark: 1 << 20, autoClose: false }), file);
  }

  /** A source of bytes in memory. `name` is used in errors. */
  static of(name: string, bytes: Uint8Array): Source {
    return new Source(name, Readable.from([bytes]), null);
  }

  /** The bytes of the whole file; null if that has no size, as a pipe. */
  async bytes(): Promise<number | null> {
    const found = await this.#file?.stat();
    return found?.isFile() ? found.size : null;
  }

  /** Reads the next `length` bytes, fewer at the end. Allocates no more memory than the bytes that it reads. */
  async read(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let left = length;
    while (left > 0 && (await this.#fill())) {
      const part = this.#held.subarray(0, left);
      parts.push(part);
      left -= part.length;
      this.#held = this.#held.subarray(part.length);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** Reads to the end and returns the number of bytes. */
  async drain(): Promise<number> {
    let bytes = 0;
    while (await this.#fill()) {
      bytes += this.#held.length;
      this.#held = new Uint8Array(0);
    }
    return bytes;
  }

  /** Makes at least one byte available. Returns false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#chunks.next().catch((cause) => {
        throw unreadable(this.name, cause);
      });
      if (done) return false;
      this.#held = value;
    }
    return true;
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

const unreadable = (where: string, { code, message }: NodeJS.ErrnoException): DataError =>
  new DataError({
    where,
    expected: "a file that can be read",
    got: code ?? message,
    remedy: "check the path",
  });
