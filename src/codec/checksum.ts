/**
 * A 32-bit checksum. It always changes when up to four neighbouring bytes of one aligned word change, and
 * almost always otherwise. Sixteen accumulators take turns over the little-endian words; zeros fill the last
 * stripe of 64 bytes. Each step is a bijection of the accumulator and of the word, and so is each step of the
 * final fold.
 *
 *   lane ← rotl(lane + word·P, 13)·Q      for word k: lane k mod 16
 *   sum  ← mix(rotl(sum, 5) + lane)       over the lanes, starting from the number of bytes
 */
import { mix } from "./stages/quantize.js";

const P = 0x85ebca77;
const Q = 0x9e3779b1;
export const stripeBytes = 64;

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

export function startLanes(): Int32Array {
  return Int32Array.from({ length: 16 }, (_, i) => mix(i + 1));
}

/**
 * Adds `bytes` to the lanes. Every call but the last needs whole stripes; the last one is padded with zeros.
 */
export function addStripes(lanes: Int32Array, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length; start += stripeBytes) {
    for (let k = 0; k < 16; k++) {
      const at = start + 4 * k;
      const byte = (j: number) => bytes[at + j] ?? 0;
      const word = byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
      lanes[k] = Math.imul(rotate((lanes[k]! + Math.imul(word, P)) | 0, 13), Q);
    }
  }
}

export function foldLanes(lanes: Int32Array, length: number): number {
  let sum = length | 0;
  for (const lane of lanes) sum = mix((rotate(sum, 5) + lane) | 0) | 0;
  return sum >>> 0;
}

export function checksum(bytes: Uint8Array): number {
  const lanes = startLanes();
  addStripes(lanes, bytes);
  return foldLanes(lanes, bytes.length);
}
