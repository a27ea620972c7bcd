/**
 * Reader and writer of IDX, the format of MNIST and similar data sets.
 *
 *   byte  0  1  2        3           4 … 4+4d−1                then
 *         0  0  type 08  dimensions  one u32 BE per dimension  the values, one byte each, last dimension fastest
 */
import { DataError } from "../error.js";

export interface Idx {
  dimensions: number[];
  /** The values, in C order. */
  data: Uint8Array;
}

const unsignedByte = 0x08;

/** More than any data set in this format takes: EMNIST, the largest, takes 640 MB. */
const mostBytes = 2 ** 30;

/** The bytes of a header of so many dimensions. */
export const idxHeaderBytes = (rank: number): number => 4 + 4 * rank;

/**
 * The bytes of the whole file, as its header states them. `where` names the file in errors; `rank` is the expected number
 * of dimensions.
 */
export const idxFileBytes = (head: Uint8Array, where: string, rank: number): number =>
  dimensionsOf(head, where, rank).reduce((product, size) => product * size, 1) + idxHeaderBytes(rank);

function dimensionsOf(bytes: Uint8Array, where: string, rank: number): number[] {
  const headerBytes = idxHeaderBytes(rank);
  if (bytes.length < headerBytes) {
    throw damaged(where, `an IDX header of ${headerBytes} bytes`, `${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const wanted = (unsignedByte << 8) | rank;
  if (magic !== wanted) {
    throw damaged(where, `IDX magic ${hex(wanted)} (bytes, ${rank} dimensions)`, hex(magic));
  }
  const dimensions = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  const length = dimensions.reduce((product, size) => product * size, 1);
  if (headerBytes + length > mostBytes) {
    throw damaged(where, `at most ${mostBytes} bytes`, `dimensions ${dimensions.join("×")}`);
  }
  return dimensions;
}

/** `where` names the file in errors; `rank` is the number of dimensions wanted. */
export function decodeIdx(bytes: Uint8Array, where: string, rank: number): Idx {
  const dimensions = dimensionsOf(bytes, where, rank);
  const headerBytes = idxHeaderBytes(rank);
  const length = dimensions.reduce((product, size) => product * size, 1);
  if (bytes.length !== headerBytes + length) {
    throw damaged(
      where,
      `${headerBytes + length} bytes for dimensions ${dimensions.join("×")}`,
      `${bytes.length} bytes`,
    );
  }
  return { dimensions, data: bytes.subarray(headerBytes) };
}

/** Encodes values of the given dimensions as an uncompressed file. */
export function encodeIdx(dimensions: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dimensions.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (unsignedByte << 8) | dimensions.length);
  for (const [d, size] of dimensions.entries()) {
    view.setUint32(4 + 4 * d, size);
  }
  bytes.set(data, 4 + 4 * dimensions.length);
  return bytes;
}

function damaged(where: string, expected: string, got: string): DataError {
  return new DataError({ where, expected, got, remedy: "fetch or copy the file again" });
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;
