/**
 * Weights by name, in the file format that PyTorch users exchange. Reader and writer.
 *
 *   u64 LE n   n bytes of JSON: name → { dtype, shape, data_offsets: [begin, end) }   the tensors' bytes, without gaps
 *
 * Offsets count from the end of the header. `__metadata__` may hold strings. Values are little-endian. Whatever the
 * type, what is read becomes float32, and a value that float32 does not hold exactly is an error.
 */
import { readFile } from "node:fs/promises";
import { DataError } from "../error.js";
import { writeAtomically } from "./atomic.js";
import { type ElementType, elementTypes, isNamedType, widen } from "./elements.js";

export interface NamedTensor {
  shape: readonly number[];
  /** product(shape) values, C order. */
  data: Float32Array;
  /** How it is written: whole numbers may be written as integers. F32 unless told. */
  type?: "F32" | "I64";
}

export interface Safetensors {
  tensors: Map<string, NamedTensor>;
  metadata: Record<string, string>;
}

/** The format's own limit; a longer header is no header. */
const maxHeaderBytes = 100_000_000;

export async function readSafetensors(path: string): Promise<Safetensors> {
  try {
    return decodeSafetensors(await readFile(path), path);
  } catch (cause) {
    if (cause instanceof DataError) {
      throw cause;
    }
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DataError({ where: path, expected: "a readable file", got, remedy: "check the path" });
  }
}

/** An interrupted write leaves what was at `path` before. Tensors are written from where they are, not copied first. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string> = {},
): Promise<void> {
  writeAtomically(path, safetensorsParts(tensors, metadata));
}

export function encodeSafetensors(
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string> = {},
): Uint8Array {
  return Buffer.concat(safetensorsParts(tensors, metadata));
}

/** The header, then each tensor's bytes. */
function safetensorsParts(
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string>,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) {
    header.__metadata__ = metadata;
  }
  let end = 0;
  for (const [name, { shape, data, type = "F32" }] of tensors) {
    const begin = end;
    end += data.length * elementTypes[type].bytes;
    if (count(shape) !== data.length || name === "__metadata__" || name in header) {
      throw new DataError({
        where: name,
        expected: "a name of its own, and as many values as the shape has",
        got: `shape [${shape}] and ${data.length} values`,
        remedy: "write each tensor once, under its parameter's name",
      });
    }
    header[name] = { dtype: type, shape, data_offsets: [begin, end] };
    parts.push(rawBytes(data, type));
  }
  // Spaces behind the JSON put the first value at a multiple of 8 bytes.
  const json = Buffer.from(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const first = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(first.buffer).setBigUint64(0, BigInt(headerBytes), true);
  first.set(json, 8);
  return [first, ...parts];
}

function rawBytes(data: Float32Array, type: "F32" | "I64"): Uint8Array {
  const values = type === "I64" ? BigInt64Array.from(data, BigInt) : data;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** `where` names the file in errors. */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const { header, body } = splitHeader(bytes, where);
  const tensors = new Map<string, NamedTensor>();
  let metadata: Record<string, string> = {};
  const spans: { name: string; begin: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = checkMetadata(entry, where);
      continue;
    }
    const { type, shape, begin, end } = checkEntry(entry, name, where, body.length);
    spans.push({ name, begin, end });
    tensors.set(name, { shape, data: widen(type, body.subarray(begin, end), `${where}: ${name}`) });
  }
  checkSpans(spans, body.length, where);
  return { tensors, metadata };
}

function splitHeader(
  bytes: Uint8Array,
  where: string,
): { header: Record<string, unknown>; body: Uint8Array } {
  if (bytes.length < 8) {
    throw damaged(where, "the 8-byte length of a header", `${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(maxHeaderBytes, bytes.length - 8))) {
    throw damaged(where, `a header within the file's ${bytes.length} bytes`, `one of ${length} bytes`);
  }
  const end = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, end)));
  } catch (cause) {
    throw damaged(where, "a JSON header", cause instanceof Error ? cause.message : String(cause));
  }
  if (!isRecord(header)) {
    throw damaged(where, "a JSON object as header", String(JSON.stringify(header)).slice(0, 40));
  }
  return { header, body: bytes.subarray(end) };
}

interface Entry {
  type: ElementType;
  shape: number[];
  begin: number;
  end: number;
}

function checkEntry(entry: unknown, name: string, where: string, bodyBytes: number): Entry {
  const at = `${where}: ${name}`;
  if (!isRecord(entry)) {
    throw damaged(at, "{ dtype, shape, data_offsets }", JSON.stringify(entry));
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isNamedType(dtype)) {
    throw new DataError({
      where: at,
      expected: `one of the types ${Object.keys(elementTypes).join(", ")}`,
      got: JSON.stringify(dtype) ?? "none",
      remedy: "convert the tensor to F32 before saving it",
    });
  }
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw damaged(at, "a shape and two offsets, all whole numbers", JSON.stringify({ shape, offsets }));
  }
  const type = elementTypes[dtype];
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > bodyBytes) {
    throw damaged(at, `offsets within the ${bodyBytes} bytes of data`, `[${begin}, ${end}]`);
  }
  if (end - begin !== count(shape) * type.bytes) {
    const expected = `${count(shape) * type.bytes} bytes for ${dtype} [${shape}]`;
    throw damaged(at, expected, `${end - begin} bytes`);
  }
  return { type, shape, begin, end };
}

/** The tensors must tile the data: no overlap, no gap, nothing behind. */
function checkSpans(
  spans: { name: string; begin: number; end: number }[],
  bodyBytes: number,
  where: string,
): void {
  let end = 0;
  for (const span of spans.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (span.begin !== end) {
      const what = span.begin < end ? "an overlap" : "a gap";
      throw damaged(`${where}: ${span.name}`, `data from byte ${end} on`, `${what}: byte ${span.begin}`);
    }
    end = span.end;
  }
  if (end !== bodyBytes) {
    throw damaged(where, `${end} bytes of data`, `${bodyBytes}`);
  }
}

function checkMetadata(entry: unknown, where: string): Record<string, string> {
  if (!isRecord(entry) || !Object.values(entry).every((value) => typeof value === "string")) {
    throw damaged(`${where}: __metadata__`, "an object of strings", JSON.stringify(entry));
  }
  return entry as Record<string, string>;
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function damaged(where: string, expected: string, got: string): DataError {
  return new DataError({ where, expected, got, remedy: "fetch or write the file again" });
}
