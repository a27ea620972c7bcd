/**
 * Encodes and decodes every float32 of a range, and checks the bound in the reals. The difference of two
 * float32 is rounded to binary64 here. That cannot hide a violation, because the bound is a binary64 number
 * too and rounding is monotone.
 */
import type { EncodeOptions } from "../../src/codec/index.js";
import { scratchBytes } from "../../src/codec/room.js";
import { WasmCodec } from "../../src/codec/wasm.js";

export interface Finding {
  values: number;
  /** Number of raw values, including NaN and infinities. */
  raw: number;
  /** The bit patterns of the first few values that decoded out of bound. */
  violations: number[];
  /**
   * With support, values that lost their sign or zero; with signed, values on the wrong side in rectified
   * decoding.
   */
  signs: number;
  /** The largest |x − x̂| ÷ bound. */
  worst: number;
}

export const nothing = (): Finding => ({ values: 0, raw: 0, violations: [], signs: 0, worst: 0 });

const step = 1 << 20;

export class Sweep {
  readonly #codec: WasmCodec;
  readonly #memory: WebAssembly.Memory;
  readonly #x: number;

  constructor(exports: WebAssembly.Exports, memory: WebAssembly.Memory) {
    const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
    this.#x = scratch + scratchBytes;
    const missing = Math.ceil((this.#x + 13.5 * step) / 65536) - memory.buffer.byteLength / 65536;
    if (missing > 0) memory.grow(missing);
    this.#memory = memory;
    this.#codec = new WasmCodec(exports, memory, scratch);
  }

  /** Checks the bit patterns from `from` up to but not including `to`. */
  run(
    from: number,
    to: number,
    options: EncodeOptions & { bound: number },
    finding: Finding = nothing(),
  ): Finding {
    for (let first = from; first < to; first += step)
      this.#part(first, Math.min(step, to - first), options, finding);
    return finding;
  }

  #part(first: number, length: number, options: EncodeOptions & { bound: number }, finding: Finding): void {
    const frame = this.#x + 4 * step;
    const back = frame + 5 * step;
    const bits = new Uint32Array(this.#memory.buffer, this.#x, length);
    for (let i = 0; i < length; i++) bits[i] = first + i;
    const bytes = this.#codec.encodeAt(this.#x, length, [length], options, frame, 5 * step - 64);
    if (bytes < 0) throw new Error(`a frame of ${length} values takes more than ${5 * step} bytes`);
    this.#codec.decodeAt(frame, bytes, back);
    const x = new Float32Array(this.#memory.buffer, this.#x, length);
    const y = new Float32Array(this.#memory.buffer, back, length);
    const after = new Uint32Array(this.#memory.buffer, back, length);
    const support = options.quantizer === "support";
    const { bound } = options;
    let worst = finding.worst * bound;
    let raw = 0;
    for (let i = 0; i < length; i++) {
      const error = Math.abs(x[i]! - y[i]!);
      if (bits[i] === after[i]) raw++;
      else if (!(error < bound)) {
        if (finding.violations.length < 10) finding.violations.push(bits[i]!);
      } else if (error > worst) worst = error;
      if (support && (y[i]! > 0 !== x[i]! > 0 || y[i]! < 0 !== x[i]! < 0)) finding.signs++;
    }
    if (options.quantizer === "signed") {
      this.#codec.decodeAt(frame, bytes, back, true);
      for (let i = 0; i < length; i++) if ((y[i] === 0) !== x[i]! <= 0) finding.signs++;
    }
    finding.worst = worst / bound;
    finding.values += length;
    finding.raw += raw;
  }
}
