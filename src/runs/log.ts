/**
 * metrics.jsonl: one JSON line for each event. A log only grows, but it is cut back to a mark when a run is resumed from a
 * checkpoint: the events after the mark will happen again. The log of a run that has ended may be kept as metrics.jsonl.gz.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { DataError } from "../error.js";
import { writeWhole } from "../files/output.js";
import { refusal } from "../files/refusal.js";
import { check, parseJson } from "../files/shape.js";
import type { TrainRecord } from "../training/records.js";
import { recordShape } from "./record.js";

/** A place in a log: the number of bytes before it, and their SHA-256. */
export interface Mark {
  bytes: number;
  sha256: string;
}

export class Log {
  readonly #path: string;
  readonly #file: number;
  #bytes: number;
  readonly #hash: Hash;

  /** Opens a new file, or an existing one that is cut back to `kept`, its first bytes. */
  constructor(path: string, kept?: Uint8Array) {
    this.#path = path;
    this.#file = openSync(path, kept ? "a" : "ax");
    if (kept) ftruncateSync(this.#file, kept.length);
    this.#bytes = kept?.length ?? 0;
    this.#hash = createHash("sha256").update(kept ?? "");
  }

  /** Adds a record. Throws a DiskError, and leaves the log as it was, if the disk is full. */
  append(record: TrainRecord): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    try {
      writeWhole(this.#file, line);
    } catch (cause) {
      // The disk may have taken a part of the line.
      ftruncateSync(this.#file, this.#bytes);
      throw refusal(this.#path, cause);
    }
    this.#hash.update(line);
    this.#bytes += line.length;
  }

  /** The log so far, which is on the disk when this returns. */
  mark(): Mark {
    fsyncSync(this.#file);
    return { bytes: this.#bytes, sha256: this.#hash.copy().digest("hex") };
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The bytes before a mark. Throws a DataError if the file has other bytes there. */
export function readToMark(path: string, mark: Mark): Uint8Array {
  const bytes = read(path).subarray(0, mark.bytes);
  if (bytes.length === mark.bytes && createHash("sha256").update(bytes).digest("hex") === mark.sha256) {
    return bytes;
  }
  throw complaint(path, `other text in its first ${mark.bytes} bytes than was written`);
}

/** A whole log as metrics.jsonl.gz holds it. */
export const compressedLog = (path: string): Uint8Array => gzipSync(bytesOf(path), { level: 9 });

/** The records of a whole log, compressed or not. A last line that was cut off is left out. */
export const readLog = (path: string): TrainRecord[] => recordsOf(bytesOf(path), path);

function bytesOf(path: string): Buffer {
  const compressed = `${path}.gz`;
  if (existsSync(path) || !existsSync(compressed)) return read(path);
  try {
    return gunzipSync(read(compressed));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw complaint(compressed, (cause as Error).message);
  }
}

/** Leaves out a last line that was cut off. `where` names the file in errors. */
export function recordsOf(bytes: Uint8Array, where: string): TrainRecord[] {
  const records: TrainRecord[] = [];
  const decoder = new TextDecoder();
  // The whole log may be longer than the longest string.
  for (let from = 0, to = bytes.indexOf(newline); to >= 0; from = to + 1, to = bytes.indexOf(newline, from)) {
    const place = `${where}, line ${records.length + 1}`;
    const line = parseJson(decoder.decode(bytes.subarray(from, to)), place, remedy);
    records.push(check(line, recordShape, place, remedy));
  }
  return records;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw complaint(path, String((cause as NodeJS.ErrnoException).code));
  }
}

const newline = 10;
const remedy = "restore the file or train again";

const complaint = (where: string, got: string): DataError =>
  new DataError({ where, expected: "a run's records", got, remedy });
