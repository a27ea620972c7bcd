/**
 * The range of a group of values, and how it is written: its least value m and the scale S = (2^b − 1)/(max − m + 2·10^−6),
 * so that code q = (x − m)·S of a value x lies in [0, 2^b − 1].
 *
 *   exact      both as float32
 *   rounded    both rounded to the upper 16 bits of a float32 (bfloat16). Codes are made with the unrounded pair, as the
 *              methods publish it, so that decoded values have a bias
 *   enclosing  m rounded down and S rounded towards 0, and codes made with that pair: then there is no bias
 */
const { fround } = Math;

export const rangeForms = ["exact", "rounded", "enclosing"] as const;
export type RangeForm = (typeof rangeForms)[number];

export interface Range {
  readonly least: number;
  readonly scale: number;
}

/** The bytes of a range. */
export const rangeBytes = (form: RangeForm): number => (form === "exact" ? 8 : 4);

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

const wordOf = (x: number): number => {
  float[0] = x;
  return word[0]!;
};

/** The upper 16 bits of the nearest bfloat16, ties to even. A NaN gives the one quiet NaN. */
export function rounded(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  const bits = wordOf(x);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The upper 16 bits of the largest bfloat16 that is not above x; of a NaN, those of a NaN or an infinity. */
function below(x: number): number {
  const bits = wordOf(x);
  return (bits >>> 31 ? bits + 0xffff : bits) >>> 16;
}

/** The float32 of these upper 16 bits. */
export function widened(half: number): number {
  word[0] = half << 16;
  return float[0]!;
}

/** The range with which codes are made. A group with a value that is not finite decodes to NaN. */
export function rangeOf(low: number, high: number, bits: number, form: RangeForm): Range {
  const least = form === "enclosing" ? widened(below(low)) : low;
  const span = fround(high - least);
  if (!(span < Number.POSITIVE_INFINITY)) return { least: Number.NaN, scale: 1 };
  const scale = fround((2 ** bits - 1) / fround(span + fround(2e-6)));
  return { least, scale: form === "enclosing" ? widened(below(scale)) : scale };
}

export function writeRange(view: DataView, at: number, { least, scale }: Range, form: RangeForm): void {
  if (form === "exact") {
    view.setUint32(at, Number.isNaN(least) ? 0x7fc00000 : wordOf(least), true);
    view.setFloat32(at + 4, scale, true);
  } else {
    view.setUint16(at, rounded(least), true);
    view.setUint16(at + 2, rounded(scale), true);
  }
}

export const readRange = (view: DataView, at: number, form: RangeForm): Range =>
  form === "exact"
    ? { least: view.getFloat32(at, true), scale: view.getFloat32(at + 4, true) }
    : { least: widened(view.getUint16(at, true)), scale: widened(view.getUint16(at + 2, true)) };
