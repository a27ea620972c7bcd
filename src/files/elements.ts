/**
 * The number types of weight files, and their lossless conversion to float32. Half precision is converted bit
 * by bit, so that the payload of a NaN survives. Other types are converted value by value, with a check that
 * float32 represents the value exactly.
 */
import { DataError } from "../error.js";

export interface ElementType {
  bytes: number;
  /** A view of the little-endian bytes. */
  read(raw: ArrayBuffer): ArrayLike<number | bigint> | Float32Array;
}

/** Indexed by the names that safetensors uses. */
export const elementTypes = {
  F32: { bytes: 4, read: (raw) => new Float32Array(raw) },
  F16: { bytes: 2, read: (raw) => fromBits(new Uint16Array(raw), halfToSingle) },
  BF16: { bytes: 2, read: (raw) => fromBits(new Uint16Array(raw), (bits) => bits << 16) },
  F64: { bytes: 8, read: (raw) => new Float64Array(raw) },
  BOOL: { bytes: 1, read: (raw) => new Uint8Array(raw) },
  U8: { bytes: 1, read: (raw) => new Uint8Array(raw) },
  I8: { bytes: 1, read: (raw) => new Int8Array(raw) },
  U16: { bytes: 2, read: (raw) => new Uint16Array(raw) },
  I16: { bytes: 2, read: (raw) => new Int16Array(raw) },
  U32: { bytes: 4, read: (raw) => new Uint32Array(raw) },
  I32: { bytes: 4, read: (raw) => new Int32Array(raw) },
  U64: { bytes: 8, read: (raw) => new BigUint64Array(raw) },
  I64: { bytes: 8, read: (raw) => new BigInt64Array(raw) },
} as const satisfies Record<string, ElementType>;

export type NamedType = keyof typeof elementTypes;

export const isNamedType = (name: unknown): name is NamedType =>
  typeof name === "string" && Object.hasOwn(elementTypes, name);

/**
 * Converts to float32. `where` names the tensor. Throws a DataError for a value that float32 does not
 * represent exactly.
 */
export function widen(type: ElementType, bytes: Uint8Array, where: string): Float32Array {
  const values = type.read(new Uint8Array(bytes).buffer);
  if (values instanceof Float32Array) {
    return values;
  }
  const single = new Float32Array(values.length);
  for (let i = 0; i < single.length; i++) {
    const value = values[i]!;
    single[i] = Number(value);
    const exact = typeof value === "bigint" ? BigInt(single[i]!) === value : Object.is(single[i], value);
    if (!exact) {
      throw new DataError({
        where,
        expected: "values that float32 holds exactly",
        got: `${value} at index ${i}`,
        remedy: "convert the tensor to F32 before saving it",
      });
    }
  }
  return single;
}

function fromBits(source: Uint16Array, toSingle: (bits: number) => number): Float32Array {
  return new Float32Array(Uint32Array.from(source, (bits) => toSingle(bits) >>> 0).buffer);
}

/**
 * Converts the bits of a half-precision number to those of a float32.
 *
 *   half    s eeeee mmmmmmmmmm             value (−1)^s · 2^(e−15)  · 1.m, subnormal 2^−14 · 0.m
 *   single  s eeeeeeee mmmmmmmmmm0000…0    value (−1)^s · 2^(e−127) · 1.m
 */
function halfToSingle(half: number): number {
  const sign = (half & 0x8000) << 16;
  let exponent = (half >> 10) & 0x1f;
  let mantissa = half & 0x3ff;
  if (exponent === 0x1f) {
    return sign | 0x7f800000 | (mantissa << 13);
  }
  if (exponent === 0) {
    if (mantissa === 0) {
      return sign;
    }
    // A subnormal half is a normal single: shift until the leading one is in bit 10.
    const shift = Math.clz32(mantissa) - 21;
    mantissa = (mantissa << shift) & 0x3ff;
    exponent = 1 - shift;
  }
  return sign | ((exponent + 112) << 23) | (mantissa << 13);
}
