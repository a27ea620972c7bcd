/** The codings of 8-bit integers, of which many are zero: none, zero-value coding, run-length and Huffman coding. */
import type { Block } from "../../device/device.js";
import type { Machine } from "../../engine/tensor.js";
import { mostBits, symbols } from "../../kernels/jpeg.js";
import {
  codedBytes,
  codeLengths,
  codesOf,
  lengthsBytes,
  lookupOf,
  readLengths,
  writeLengths,
} from "./huffman.js";

/** Writes the coding to as many bytes as were announced. */
type Write = (to: Uint8Array) => void;

export interface Coding {
  readonly name: "bytes" | "zvc" | "huffman";
  /** Calls `use` with the length of the coding and what writes it. */
  measure(engine: Machine, site: string, q: Uint8Array, use: (bytes: number, write: Write) => Block): Block;
  /** Fills q. */
  decode(engine: Machine, site: string, q: Uint8Array, coded: Uint8Array): void;
}

/** Lends `count` floats of workspace. */
function lend<T>({ device }: Machine, site: string, count: number, use: (floats: Float32Array) => T): T {
  const block = device.allocate(4 * count, "workspace", site);
  try {
    return use(device.f32(block));
  } finally {
    device.free(block);
  }
}

const bytes: Coding = {
  name: "bytes",
  measure: (_engine, _site, q, use) => use(q.length, (to) => to.set(q)),
  decode: (_engine, _site, q, coded) => q.set(coded),
};

const zvc: Coding = {
  name: "zvc",
  measure: ({ kernels }, _site, q, use) => use(kernels.zvcBytes(q), (to) => kernels.zvcPack(to, q)),
  decode: ({ kernels }, _site, q, coded) => kernels.zvcUnpack(q, coded),
};

/** | the lengths of the codes, 4 bits each | the codes and amplitudes | */
const huffman: Coding = {
  name: "huffman",
  measure(engine, site, q, use) {
    const { kernels } = engine;
    return lend(engine, site, symbols, (table) => {
      kernels.runLengthCounts(table, q);
      const lengths = codeLengths(table);
      const length = lengthsBytes + codedBytes(table, lengths);
      codesOf(lengths, table);
      return use(length, (to) => {
        writeLengths(to, lengths);
        kernels.runLengthPack(to.subarray(lengthsBytes), q, table);
      });
    });
  },
  decode(engine, site, q, coded) {
    lend(engine, site, 2 ** mostBits, (lookup) => {
      lookupOf(readLengths(coded), lookup);
      engine.kernels.runLengthUnpack(q, coded.subarray(lengthsBytes), lookup);
    });
  },
};

/** In the order of their numbers in a frame. */
export const codings: readonly Coding[] = [bytes, zvc, huffman];

export const codingNamed = (name: Coding["name"]): Coding => codings.find((coding) => coding.name === name)!;
