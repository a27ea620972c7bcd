/**
 * Tables as a frame and as the kernels have them. Frames of one tensor's parts bear the same tables: what they become is
 * made once for all of them.
 */
import { type ByteReader, ByteWriter } from "./bytes.js";
import {
  contexts,
  escapeSymbol,
  readTables,
  startsOf,
  symbols,
  type Tables,
  writeTables,
} from "./stages/rans.js";

/** The most bytes that tables take. */
export const tablesCapacity = 16 + contexts * symbols * 3;

const written = new WeakMap<Tables, Uint8Array>();

/** Their bytes in a frame. */
export function tablesBytes(tables: Tables): Uint8Array {
  const known = written.get(tables);
  if (known) return known;
  const out = new ByteWriter(tablesCapacity);
  writeTables(out, tables);
  const bytes = out.written();
  written.set(tables, bytes);
  return bytes;
}

let latest: { bytes: Uint8Array; tables: Tables } | null = null;

/** The tables that come next, as readTables has them; those of the frame before where the bytes are the same. */
export function nextTables(input: ByteReader): Tables {
  const { bytes, at } = input;
  if (latest?.bytes.every((byte, i) => byte === bytes[at + i])) {
    input.at += latest.bytes.length;
    return latest.tables;
  }
  const tables = readTables(input);
  latest = { bytes: bytes.slice(at, input.at), tables };
  return tables;
}

const codes = new WeakMap<Tables, Uint32Array>();

/** frequency | start << 16 of every context's symbols, contexts × symbols. */
export function codesOf(tables: Tables): Uint32Array {
  const known = codes.get(tables);
  if (known) return known;
  const { top, frequency } = tables;
  const start = startsOf(tables);
  const made = new Uint32Array(contexts * symbols);
  top.forEach((last, c) => {
    for (let s = 0; s < symbols; s++) {
      const i = c * symbols + s;
      if (s <= last || s === escapeSymbol) made[i] = frequency[i]! | (start[i]! << 16);
    }
  });
  codes.set(tables, made);
  return made;
}
