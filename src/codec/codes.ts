/**
 * The frequency tables as bytes in a frame and as codes for the kernels. The frames of one tensor's parts
 * often carry equal tables, so each form is computed once and cached.
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

/** An upper limit on the bytes of the tables. */
export const tablesCapacity = 16 + contexts * symbols * 3;

const written = new WeakMap<Tables, Uint8Array>();

/** The tables as a frame stores them. */
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

/**
 * Reads the next tables, as readTables does. If the bytes equal those of the previous frame, its tables are
 * reused.
 */
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

/** frequency | start << 16 for the symbols of every context: contexts × symbols words. */
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
