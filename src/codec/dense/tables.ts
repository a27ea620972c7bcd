/**
 * The tables of a frame, with what is computed from them. The frames of a tensor's parts share their tables, so each result
 * is computed once, and it is dropped together with the tables.
 */
import { type ByteReader, ByteWriter } from "../bytes.js";
import {
  contexts,
  escapeSymbol,
  readTables,
  startsOf,
  symbols,
  type Tables,
  writeTables,
} from "../stages/rans.js";

/** The largest number of bytes that tables take in a frame. */
const tablesCapacity = 16 + contexts * symbols * 3;

export class FrameTables implements Tables {
  readonly top: Uint8Array;
  readonly frequency: Uint16Array;
  #bytes: Uint8Array | null = null;
  #codes: Uint32Array | null = null;

  constructor({ top, frequency }: Tables) {
    this.top = top;
    this.frequency = frequency;
  }

  /** The tables as a frame has them. */
  get bytes(): Uint8Array {
    this.#bytes ??= bytesOf(this);
    return this.#bytes;
  }

  /** The tables as the kernels have them: frequency | start << 16, contexts × symbols. */
  get codes(): Uint32Array {
    this.#codes ??= codesOf(this);
    return this.#codes;
  }
}

function bytesOf(tables: Tables): Uint8Array {
  const out = new ByteWriter(tablesCapacity);
  writeTables(out, tables);
  return out.written();
}

function codesOf(tables: Tables): Uint32Array {
  const { top, frequency } = tables;
  const start = startsOf(tables);
  const codes = new Uint32Array(contexts * symbols);
  top.forEach((last, c) => {
    for (let s = 0; s < symbols; s++) {
      const i = c * symbols + s;
      if (s <= last || s === escapeSymbol) codes[i] = frequency[i]! | (start[i]! << 16);
    }
  });
  return codes;
}

/** Reads tables. If their bytes are those of the tables that were read last, it returns the same tables. */
export class TablesReader {
  #latest: { bytes: Uint8Array; tables: FrameTables } | null = null;

  read(input: ByteReader): FrameTables {
    const { bytes, at } = input;
    if (this.#latest?.bytes.every((byte, i) => byte === bytes[at + i])) {
      input.at += this.#latest.bytes.length;
      return this.#latest.tables;
    }
    const tables = new FrameTables(readTables(input));
    this.#latest = { bytes: bytes.slice(at, input.at), tables };
    return tables;
  }
}
