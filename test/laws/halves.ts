/**
 * Every float32 of a range under `paper` in half steps, where dense mode chooses between two integers without a check:
 * both have to lie within the bound. It is the rule itself that is swept, in TypeScript: an encoder uses it only where it
 * pays, and bit patterns in order are no such data.
 */
import { bin } from "../../src/codec/bound.js";
import { dequantize, floorOf, halved } from "../../src/codec/stages/quantize.js";
import { type Finding, nothing } from "./sweep.js";

const step = 1 << 16;

/** As the codec's encoder: the floor of x, NaN to keep it raw. */
export type FloorOf = typeof floorOf;

/** The bit patterns from `from` up to but not including `to`; `bound`: a float32. */
export function sweepHalves(from: number, to: number, bound: number, floor: FloorOf = floorOf): Finding {
  const finding = nothing();
  const side = bin(bound);
  const halves = halved({ quantizer: "paper", positive: side, negative: side, seed: 0 });
  const bits = new Uint32Array(step);
  const x = new Float32Array(bits.buffer);
  const places = new Int32Array(step);
  const integers = new Int32Array(step);
  const values = new Float32Array(step);
  let worst = 0;
  for (let first = from; first < to; first += step) {
    let kept = 0;
    for (let i = 0; i < step; i++) {
      bits[i] = first + i;
      const below = floor(x[i]!, side);
      if (Number.isNaN(below)) continue;
      places[kept] = i;
      integers[kept++] = below;
    }
    finding.values += step;
    finding.raw += step - kept;
    for (const above of [0, 1]) {
      if (above) for (let j = 0; j < kept; j++) integers[j]!++;
      dequantize(values, integers.subarray(0, kept), 0, halves);
      for (let j = 0; j < kept; j++) {
        const error = Math.abs(x[places[j]!]! - values[j]!);
        if (error > worst) worst = error;
        if (!(error < bound) && finding.violations.length < 10) finding.violations.push(bits[places[j]!]!);
      }
    }
  }
  finding.worst = worst / bound;
  return finding;
}
