/**
 * Reader and writer of NumPy's .npy, a file with one array. Version 1.0 is
 *
 *   \x93 N U M P Y  1 0  u16 LE n   n bytes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } … \n   values
 *
 * and versions 2.0 and 3.0 have a u32 in place of the u16. All types are read as float32; a value that
 * float32 does not represent exactly is an error.
 */
import { DataError } from "../error.js";
import { elementTypes, type NamedType, widen } from "./elements.js";

export interface NpyArray {
  shape: number[];
  /** product(shape) values, in C order. */
  data: Float32Array;
}

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** NumPy's names of the types, without the byte order before them: < little-endian, > big-endian, | a single byte. */
const typeNames: Readonly<Record<string, NamedType>> = {
  f4: "F32",
  f2: "F16",
  f8: "F64",
  b1: "BOOL",
  u1: "U8",
  i1: "I8",
  u2: "U16",
  i2: "I16",
  u4: "U32",
  i4: "I32",
  u8: "U64",
  i8: "I64",
};

export interface NpyHeader {
  /** The type as NumPy writes it, such as <f4. */
  descr: string;
  name: NamedType;
  bigEndian: boolean;
  /** Whether the first dimension is the fastest. */
  fortran: boolean;
  shape: number[];
}

export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Spaces and a newline after the header align the first value to 64 bytes.
  const start = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set(magic);
  bytes.set([1, 0, (start - 10) & 255, (start - 10) >> 8], 6);
  bytes.set(Buffer.from(`${header.padEnd(start - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}

/** `where` names the file in errors. The result is in C order, whatever the order in the file. */
export function decodeNpy(bytes: Uint8Array, where: string): NpyArray {
  const preface = prefaceOf(bytes, where);
  const start = preface.begin + preface.length;
  if (start > bytes.length) {
    throw damaged(where, `a header of ${preface.length} bytes`, `${bytes.length - preface.begin}`);
  }
  const header = parseNpyHeader(bytes.subarray(preface.begin, start), where);
  const { descr, shape, fortran } = header;
  const type = elementTypes[header.name];
  const expected = shape.reduce((product, size) => product * size, type.bytes);
  if (bytes.length - start !== expected) {
    throw damaged(where, `${expected} bytes of ${descr} (${shape.join(", ")})`, `${bytes.length - start}`);
  }
  const data = widen(type, littleEndian(header, bytes.subarray(start)), where);
  return { shape, data: fortran ? inCOrder(shape, data) : data };
}

/** Reads from the first 12 bytes where the header begins and how long it is. */
export function prefaceOf(bytes: Uint8Array, where: string): { begin: number; length: number } {
  if (bytes.length < 12 || !magic.every((byte, i) => byte === bytes[i])) {
    throw damaged(where, "a file that starts with \\x93NUMPY", `${bytes.length} bytes that start otherwise`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3) {
    throw damaged(where, ".npy version 1, 2 or 3", `version ${major}`);
  }
  return major === 1
    ? { begin: 10, length: view.getUint16(8, true) }
    : { begin: 12, length: view.getUint32(8, true) };
}

/** Parses the header, a Python dictionary. NumPy writes its three entries in any order. */
export function parseNpyHeader(bytes: Uint8Array, where: string): NpyHeader {
  const text = new TextDecoder("latin1").decode(bytes);
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape':\s*\(((?:\s*\d+\s*,)*\s*\d*\s*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || sizes === undefined) {
    throw damaged(where, "a header with 'descr', 'fortran_order' and 'shape'", text.trim().slice(0, 80));
  }
  const [order, type] = [descr.slice(0, 1), descr.slice(1)];
  const name = /[<>|]/.test(order) && Object.hasOwn(typeNames, type) ? typeNames[type] : undefined;
  if (!name || (order === "|") !== (elementTypes[name].bytes === 1)) {
    throw new DataError({
      where,
      expected: `numbers, such as ${Object.keys(typeNames).join(" ")} behind < or >`,
      got: descr,
      remedy: "save the array with .astype('<f4')",
    });
  }
  const shape = sizes
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * size, 8))) {
    throw damaged(where, "a shape that a file can hold", `(${shape.join(", ")})`);
  }
  return { descr, name, bigEndian: order === ">", fortran: fortran === "True", shape };
}

/** The bytes of the values in little-endian order: the same array, or a copy. */
export function littleEndian({ name, bigEndian }: NpyHeader, bytes: Uint8Array): Uint8Array {
  const { bytes: width } = elementTypes[name];
  if (!bigEndian || width === 1) return bytes;
  const turned = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) turned[i] = bytes[i - (i % width) + width - 1 - (i % width)]!;
  return turned;
}

/** Transposes values from Fortran order, where the first dimension is the fastest. */
function inCOrder(shape: readonly number[], data: Float32Array): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    let from = 0;
    let stride = data.length;
    for (let d = shape.length - 1; d >= 0; d--) {
      const size = shape[d]!;
      stride /= size;
      from += (rest % size) * stride;
      rest = Math.floor(rest / size);
    }
    out[i] = data[from]!;
  }
  return out;
}

function damaged(where: string, expected: string, got: string): DataError {
  return new DataError({ where, expected, got, remedy: "save or copy the file again" });
}
