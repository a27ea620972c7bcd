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

/** NumPy's names of the little-endian types. */
const typeNames: Readonly<Record<string, NamedType>> = {
  "<f4": "F32",
  "<f2": "F16",
  "<f8": "F64",
  "|b1": "BOOL",
  "|u1": "U8",
  "|i1": "I8",
  "<u2": "U16",
  "<i2": "I16",
  "<u4": "U32",
  "<i4": "I32",
  "<u8": "U64",
  "<i8": "I64",
};

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

/** `where` names the file in errors. */
export function decodeNpy(bytes: Uint8Array, where: string): NpyArray {
  if (bytes.length < 12 || !magic.every((byte, i) => byte === bytes[i])) {
    throw damaged(where, "a file that starts with \\x93NUMPY", `${bytes.length} bytes that start otherwise`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3) {
    throw damaged(where, ".npy version 1, 2 or 3", `version ${major}`);
  }
  const [length, begin] = major === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const start = begin + length;
  if (start > bytes.length) {
    throw damaged(where, `a header of ${length} bytes`, `${bytes.length - begin}`);
  }
  const { descr, shape } = parseNpyHeader(new TextDecoder().decode(bytes.subarray(begin, start)), where);
  const name = Object.hasOwn(typeNames, descr) ? typeNames[descr] : undefined;
  if (!name) {
    throw new DataError({
      where,
      expected: `one of the types ${Object.keys(typeNames).join(" ")}`,
      got: descr,
      remedy: "save the array with .astype('<f4')",
    });
  }
  const type = elementTypes[name];
  const expected = shape.reduce((product, size) => product * size, type.bytes);
  if (bytes.length - start !== expected) {
    throw damaged(where, `${expected} bytes of ${descr} (${shape.join(", ")})`, `${bytes.length - start}`);
  }
  return { shape, data: widen(type, bytes.subarray(start), where) };
}

/**
 * Parses the header, a Python dictionary. NumPy writes its three entries in any order. `where` names the file
 * in errors.
 */
export function parseNpyHeader(text: string, where: string): { descr: string; shape: number[] } {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(\s*((?:\d+\s*,\s*)*\d*)\s*\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw damaged(where, "a header with 'descr', 'fortran_order' and 'shape'", text.trim().slice(0, 80));
  }
  if (fortran === "True") {
    throw new DataError({
      where,
      expected: "C order",
      got: "Fortran order",
      remedy: "save numpy.ascontiguousarray(array)",
    });
  }
  const sizes = shape.split(",").map((size) => size.trim());
  return { descr, shape: sizes.filter((size) => size !== "").map(Number) };
}

function damaged(where: string, expected: string, got: string): DataError {
  return new DataError({ where, expected, got, remedy: "save or copy the file again" });
}
