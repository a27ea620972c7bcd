/** Converts float64 and float16 to float32 and counts what is lost. */
import { elementTypes } from "../files/elements.js";

export class Narrowing {
  #values = 0;
  #changed = 0;
  #worst = 0;
  #infinite = 0;
  #zeros = 0;
  #type: "F64" | "F16" | null = null;

  /** `bytes` are little-endian. */
  take(type: "F64" | "F16", bytes: Uint8Array): Float32Array {
    this.#type = type;
    const own = new Uint8Array(bytes).buffer;
    const values = elementTypes[type].read(own);
    this.#values += values.length;
    if (type === "F16") return values as Float32Array;
    const floats = Float32Array.from(values as Float64Array);
    for (let i = 0; i < floats.length; i++) this.#compare(values[i] as number, floats[i]!);
    return floats;
  }

  #compare(value: number, float: number): void {
    if (Object.is(value, float)) return;
    this.#changed++;
    if (!Number.isFinite(float)) this.#infinite++;
    else if (float === 0) this.#zeros++;
    else this.#worst = Math.max(this.#worst, Math.abs((float - value) / value));
  }

  /** One line about what was lost; empty if nothing was converted. */
  get loss(): string {
    if (this.#type === null) return "";
    if (this.#type === "F16")
      return `float16 to float32: no value of ${this.#values} changed, each takes twice the bytes`;
    const lost = [
      `${this.#changed} of ${this.#values} values changed`,
      `those that stay finite and other than 0 by at most ${this.#worst.toPrecision(3)} of themselves`,
      `${this.#infinite} became infinite`,
      `${this.#zeros} became 0`,
    ];
    return `float64 to float32: ${lost.join(", ")}; the error bound comes on top`;
  }
}
