/**
 * Floating-point numbers of 8, 10 and 16 bits: sign, exponent and mantissa as in IEEE 754, with subnormal numbers, and
 * rounded to nearest, ties to even. A finite number beyond the largest one becomes that one.
 *
 *   fp8   1-4-3   up to 240        one in a byte
 *   fp10  1-5-4   up to 63 488     three in a word of 32 bits
 *   fp16  1-5-10  up to 65 504     one in two bytes
 *
 * In range, the error is at most 2^−(mantissa bits + 1) of the value; below the least normal number (2^−6, 2^−14), at most
 * half of the least number above 0.
 */
export interface SmallFloat {
  readonly exponent: number;
  readonly mantissa: number;
}

export const smallFloats = {
  fp8: { exponent: 4, mantissa: 3 },
  fp10: { exponent: 5, mantissa: 4 },
  fp16: { exponent: 5, mantissa: 10 },
} as const satisfies Record<string, SmallFloat>;

export type SmallFloatName = keyof typeof smallFloats;

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The code of x. */
export function smallFloatOf(x: number, { exponent, mantissa }: SmallFloat): number {
  float[0] = x;
  return coded(word[0]!, exponent, mantissa);
}

/** The code of the float32 with these bits. */
function coded(bits: number, exponent: number, mantissa: number): number {
  const sign = (bits >>> 31) << (exponent + mantissa);
  const magnitude = bits & 0x7fffffff;
  const bias = (1 << (exponent - 1)) - 1;
  const special = ((1 << exponent) - 1) << mantissa;
  if (magnitude >>> 23 > 127 - bias && magnitude < 0x7f800000) {
    const dropped = 23 - mantissa;
    const half = (1 << (dropped - 1)) - 1 + ((magnitude >>> dropped) & 1);
    const rounded = ((magnitude + half) >>> dropped) - ((127 - bias) << mantissa);
    return sign | (rounded < special ? rounded : special - 1);
  }
  if (magnitude >= 0x7f800000) return sign | special | (magnitude > 0x7f800000 ? 1 : 0);
  word[0] = magnitude;
  // In units of the least number above 0; the addition leaves no bits for a fraction.
  const units = Math.fround(float[0]! * 2 ** (bias - 1 + mantissa));
  return sign | (Math.fround(units + 8388608) - 8388608);
}

/** The values of all codes. */
function valuesOf({ exponent, mantissa }: SmallFloat): Float32Array {
  const bias = (1 << (exponent - 1)) - 1;
  return Float32Array.from({ length: 2 ** (1 + exponent + mantissa) }, (_, code) => {
    const sign = code >> (exponent + mantissa) ? -1 : 1;
    const power = (code >> mantissa) & ((1 << exponent) - 1);
    const fraction = (code & ((1 << mantissa) - 1)) / (1 << mantissa);
    if (power === (1 << exponent) - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (power === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (power - bias));
  });
}

const tables = new Map<SmallFloatName, Float32Array>();

function tableOf(name: SmallFloatName): Float32Array {
  const table = tables.get(name) ?? valuesOf(smallFloats[name]);
  tables.set(name, table);
  return table;
}

/** How numbers are kept: small, or as they are. */
export type Format = SmallFloatName | "fp32";

/** The bytes of n numbers, in whole words. */
export const formatBytes = (n: number, format: Format): number =>
  4 * Math.ceil({ fp32: n, fp16: n / 2, fp10: n / 3, fp8: n / 4 }[format]);

/** Numbers in a format, in whole words of the device. */
export class Numbers {
  readonly #words: Uint32Array;
  readonly #format: Format;

  constructor(words: Uint32Array, format: Format) {
    this.#words = words;
    this.#format = format;
  }

  write(values: Float32Array): void {
    const { buffer, byteOffset, length } = this.#words;
    if (this.#format === "fp32") {
      new Float32Array(buffer, byteOffset, length).set(values);
      return;
    }
    const { exponent, mantissa } = smallFloats[this.#format];
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    if (this.#format === "fp10") {
      const words = this.#words.fill(0);
      for (let i = 0, at = 0, shift = 0; i < bits.length; i++) {
        words[at]! |= coded(bits[i]!, exponent, mantissa) << shift;
        shift += 10;
        if (shift === 30) [at, shift] = [at + 1, 0];
      }
      return;
    }
    const codes =
      this.#format === "fp8"
        ? new Uint8Array(buffer, byteOffset, 4 * length)
        : new Uint16Array(buffer, byteOffset, 2 * length);
    for (let i = 0; i < bits.length; i++) codes[i] = coded(bits[i]!, exponent, mantissa);
  }

  /** Numbers [first, first + values.length). */
  read(values: Float32Array, first: number): void {
    const { buffer, byteOffset, length } = this.#words;
    if (this.#format === "fp32") {
      values.set(new Float32Array(buffer, byteOffset, length).subarray(first, first + values.length));
      return;
    }
    const table = tableOf(this.#format);
    if (this.#format === "fp10") {
      for (let i = 0; i < values.length; i++) {
        const at = first + i;
        values[i] = table[(this.#words[Math.floor(at / 3)]! >>> (10 * (at % 3))) & 0x3ff]!;
      }
      return;
    }
    const codes =
      this.#format === "fp8"
        ? new Uint8Array(buffer, byteOffset, 4 * length)
        : new Uint16Array(buffer, byteOffset, 2 * length);
    for (let i = 0; i < values.length; i++) values[i] = table[codes[first + i]!]!;
  }
}
