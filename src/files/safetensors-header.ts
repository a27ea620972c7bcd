/**
 * Reads the header of a safetensors file: JSON of name → { dtype, shape, data_offsets: [begin, end) }, where offsets
 * count from the header's end. The tensors must tile the data: no gap, no overlap, and nothing after the last one.
 */
import { DataError } from "../error.js";
import { elementTypes, isNamedType } from "./elements.js";
import { check, isRecord, list, one, parseJson, count as wholeNumber } from "./shape.js";

export interface HeaderEntry {
  name: string;
  /** One of `elementTypes`, or another name, whose size is unknown here. */
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

export interface Header {
  /** Sorted by the place of their data. */
  entries: HeaderEntry[];
  metadata: Record<string, string>;
  /** The bytes of all tensors together. */
  bodyBytes: number;
}

/** The bytes before the header, which hold its length. */
export const prefixBytes = 8;

/** The format's own limit on the header's length. */
export const maxHeaderBytes = 100_000_000;

/** The header's length, from the first eight bytes of the file. */
export const headerBytes = (prefix: Uint8Array): bigint =>
  new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true);

const remedy = "save or copy the file again";

/** `json`: the header's bytes; `where` names the file in errors. */
export function parseHeader(json: Uint8Array, where: string): Header {
  const text = decodeText(json, where);
  const header = parseJson(text, where, remedy);
  if (!isRecord(header)) throw damaged(where, "a JSON object as header", "other JSON");
  const twice = firstRepeated(topLevelKeys(text));
  if (twice !== null) throw damaged(`${where}: ${twice}`, "each name once", "it twice");
  let metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkMetadata(entry, where);
    else entries.push(checkEntry(entry, name, where));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return { entries, metadata, bodyBytes: checkTiling(entries, where) };
}

function decodeText(json: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(json);
  } catch {
    throw damaged(where, "a header in UTF-8", "other bytes");
  }
}

/** The keys of the outermost object of valid JSON, which JSON.parse would merge if they repeat. */
function* topLevelKeys(json: string): Generator<string> {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!;
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === '"') {
      const begin = i++;
      while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
      let next = i + 1;
      while (" \t\r\n".includes(json[next]!)) next++;
      if (depth === 1 && json[next] === ":") yield JSON.parse(json.slice(begin, i + 1)) as string;
    }
  }
}

function firstRepeated(names: Iterable<string>): string | null {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}

const sizes = list(wholeNumber);
const text = one<string>("the name of a type", (value) => typeof value === "string");

function checkEntry(entry: unknown, name: string, where: string): HeaderEntry {
  const at = `${where}: ${name}`;
  if (!isRecord(entry)) throw damaged(at, "{ dtype, shape, data_offsets }", "something else");
  const dtype = check(entry.dtype, text, `${at}: dtype`, remedy);
  const shape = check(entry.shape, sizes, `${at}: shape`, remedy);
  const offsets = check(entry.data_offsets, sizes, `${at}: data_offsets`, remedy);
  const [begin, end] = offsets as [number, number];
  if (offsets.length !== 2 || begin > end) {
    throw damaged(`${at}: data_offsets`, "a begin and an end", offsets.slice(0, 3).join(", "));
  }
  if (isNamedType(dtype)) {
    const expected = count(shape) * elementTypes[dtype].bytes;
    if (end - begin !== expected) {
      throw damaged(at, `${expected} bytes for ${dtype} [${shape}]`, `${end - begin} bytes`);
    }
  }
  return { name, dtype, shape, begin, end };
}

/** Returns the bytes of all tensors. `entries` are sorted. */
function checkTiling(entries: readonly HeaderEntry[], where: string): number {
  let bytes = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== bytes) {
      const what = begin < bytes ? "an overlap" : "a gap";
      throw damaged(`${where}: ${name}`, `data from byte ${bytes} on`, `${what}: byte ${begin}`);
    }
    bytes = end;
  }
  return bytes;
}

function checkMetadata(entry: unknown, where: string): Record<string, string> {
  if (isRecord(entry) && Object.values(entry).every((value) => typeof value === "string")) {
    return entry as Record<string, string>;
  }
  throw damaged(`${where}: __metadata__`, "an object of strings", "something else");
}

export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

export const damaged = (where: string, expected: string, got: string): DataError =>
  new DataError({ where, expected, got, remedy });
