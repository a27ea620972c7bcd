/** Float32 as small floating-point numbers, and back. */
import { type SmallFloatName, smallFloats } from "../small-float.js";
import { numberOf, smallFloatOf } from "./small-float.js";

/** The place of a number: its word, and its lowest bit there. */
function placeOf(i: number, name: SmallFloatName): [word: number, shift: number] {
  const { exponent, mantissa, perWord } = smallFloats[name];
  return [Math.floor(i / perWord), (1 + exponent + mantissa) * (i % perWord)];
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function narrowFloats(packed: Uint8Array, x: Float32Array, name: SmallFloatName): void {
  const view = viewOf(packed.fill(0));
  for (let i = 0; i < x.length; i++) {
    const [word, shift] = placeOf(i, name);
    const code = smallFloatOf(x[i]!, smallFloats[name]);
    view.setUint32(4 * word, view.getUint32(4 * word, true) | (code << shift), true);
  }
}

export function widenFloats(
  x: Float32Array,
  packed: Uint8Array,
  name: SmallFloatName,
  { first }: { first: number; count: number },
): void {
  const view = viewOf(packed);
  const { exponent, mantissa } = smallFloats[name];
  const ones = 2 ** (1 + exponent + mantissa) - 1;
  for (let i = 0; i < x.length; i++) {
    const [word, shift] = placeOf(first + i, name);
    x[i] = numberOf((view.getUint32(4 * word, true) >>> shift) & ones, smallFloats[name]);
  }
}
