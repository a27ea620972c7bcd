/**
 * Checks every float32 of a range under `paper` in half steps. Dense mode chooses between two integers there
 * without a check, so both must lie within the bound. The rule itself is tested, in TypeScript, because an
 * encoder uses half steps only where they pay, which is not the case for ascending bit patterns.
 */
import { bin } from "../../src/codec/bound.js";
import { dequantize, floorOf, halved } from "../../src/codec/stages/quantize.js";
import { type Finding, nothing } from "./sweep.js";

const step = 1 << 16;

/** The encoder's rule: the floor of x, or NaN to keep x raw. */
export type FloorOf = typeof floorOf;

/** Checks the bit patterns from `from` up to but not including `to`; `bound` is a float32. */
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
