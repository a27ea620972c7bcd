/**
 * Splits a .npy file for compress. The values become little-endian float32. The header gets the name of this type, which is as
 * long as the old one, and stays the same otherwise, so the copy has the same shape and order. An array in Fortran order
 * is passed to the codec with its dimensions reversed, which makes the last dimension the fastest.
 */
import { floatsOf } from "../codec/arguments.js";
import { UsageError } from "../error.js";
import { elementTypes } from "../files/elements.js";
import { littleEndian, type NpyHeader, parseNpyHeader } from "../files/npy.js";
import type { Narrowing } from "./narrowing.js";
import type { Piece, Values } from "./piece.js";

/** `head`: all bytes before the values; the header begins at `begin`. With `narrowing`, float64 and float16 are accepted too. */
export function npyPieces(
  head: Uint8Array,
  begin: number,
  where: string,
  narrowing: Narrowing | null,
): Piece[] {
  const header = parseNpyHeader(head.subarray(begin), where);
  const { shape, fortran } = header;
  return [
    { kind: "bytes", bytes: asFloat32(head, begin, header) },
    {
      kind: "tensor",
      name: "array",
      shape: fortran ? [...shape].reverse() : shape,
      values: valuesOf(header, where, narrowing),
    },
  ];
}

function valuesOf(header: NpyHeader, where: string, narrowing: Narrowing | null): Values {
  const { name, descr } = header;
  const bytes = elementTypes[name].bytes;
  if (name === "F32") return { bytes, floats: (raw) => floatsOf(where, littleEndian(header, raw)) };
  if ((name === "F64" || name === "F16") && narrowing !== null) {
    return { bytes, floats: (raw) => narrowing.take(name, littleEndian(header, raw)) };
  }
  throw new UsageError({
    where,
    expected: "float32",
    got: name === "F64" ? "float64" : name === "F16" ? "float16" : descr,
    remedy:
      name === "F64" || name === "F16"
        ? "give --float32 to store it as float32 and be told what that loses"
        : "save it with x.astype('float32')",
  });
}

/** Replaces the type in the header by <f4. */
function asFloat32(head: Uint8Array, begin: number, { descr }: NpyHeader): Uint8Array {
  const text = new TextDecoder("latin1").decode(head.subarray(begin));
  const at = begin + text.indexOf(`'${descr}'`, text.indexOf("'descr'")) + 1;
  const changed = head.slice();
  changed.set(new TextEncoder().encode("<f4"), at);
  return changed;
}
