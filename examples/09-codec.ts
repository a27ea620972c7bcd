/** The codec alone: it needs nothing but its wasm, and runs in a browser as well. */
import { decode, encode, inspect } from "comet-ts/codec";

const plane = Float32Array.from({ length: 32 * 32 }, (_, i) => {
  const [row, column] = [Math.floor(i / 32) - 16, (i % 32) - 16];
  return Math.max(0, 1 - (row * row + column * column) / 150);
});

for (const bound of [0.1, 0.01, 0.001]) {
  const frame = encode(plane, { bound, shape: [32, 32], quantizer: "support" });
  const back = decode(frame);
  const worst = plane.reduce((most, value, i) => Math.max(most, Math.abs(value - back[i]!)), 0);
  const zeros = plane.every((value, i) => (value === 0) === (back[i] === 0));
  console.log(`bound ${bound}: within ${worst < bound}, zeros kept ${zeros}, ${inspect(frame).quantizer}`);
}
// prints bound 0.1: within true, zeros kept true, support
// prints bound 0.01: within true, zeros kept true, support
// prints bound 0.001: within true, zeros kept true, support
