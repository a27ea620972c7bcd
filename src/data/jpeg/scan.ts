/** The coefficients of one scan: of whole blocks (sequential), or a band of them, some bits at a time (progressive). */
import type { BitReader, HuffmanTable } from "./entropy.js";

/** The order of a block's 64 coefficients in the file, as places row · 8 + column. */
export const zigzag = Uint8Array.from({ length: 64 }, (_, k) => k).sort((a, b) => {
  const diagonal = (i: number) => (i >> 3) + (i & 7);
  const along = (i: number) => (diagonal(i) % 2 === 0 ? i & 7 : i >> 3);
  return diagonal(a) - diagonal(b) || along(a) - along(b);
});

/** A plane's blocks, 64 coefficients each, in rows of `stride` blocks. */
export interface Blocks {
  stride: number;
  coefficients: Int16Array;
}

/** A plane's part in a scan. */
export interface Part {
  blocks: Blocks;
  dc: HuffmanTable | undefined;
  ac: HuffmanTable | undefined;
  /** The last block's mean, from which the next one differs. */
  last: number;
}

export interface Band {
  /** Coefficients in the file's order, both inclusive. */
  first: number;
  last: number;
  /** Bits that are known already, 0 in the first scan of a band; and the bit that this scan begins with. */
  high: number;
  low: number;
}

const whole: Band = { first: 0, last: 63, high: 0, low: 0 };

const missing = (): never => {
  throw new Error("a scan without its Huffman table");
};

export class ScanDecoder {
  readonly #reader: BitReader;
  readonly #progressive: boolean;
  readonly #band: Band;
  /** Blocks that follow and have nothing new but corrections. */
  #quiet = 0;

  /** In sequential frames the band is the whole block, whatever a file says. */
  constructor(reader: BitReader, progressive: boolean, band: Band) {
    this.#reader = reader;
    this.#progressive = progressive;
    this.#band = progressive ? band : whole;
  }

  /** Behind a restart marker nothing is known of what came before. */
  restart(parts: readonly Part[]): void {
    for (const part of parts) part.last = 0;
    this.#quiet = 0;
  }

  /** The block at coefficient `at` of the part's plane. */
  block(part: Part, at: number): void {
    const { first, high } = this.#band;
    const block = part.blocks.coefficients.subarray(at, at + 64);
    if (!this.#progressive) {
      this.#mean(part, block);
      this.#sequential(part, block);
    } else if (first === 0 && high === 0) this.#mean(part, block);
    else if (first === 0) block[0]! |= this.#reader.bits(1) << this.#band.low;
    else if (high === 0) this.#begin(part, block);
    else this.#refine(part, block);
  }

  #mean(part: Part, block: Int16Array): void {
    const size = (part.dc ?? missing()).next(this.#reader);
    if (size > 15) throw new Error("a damaged coefficient");
    part.last += this.#reader.signed(size);
    block[0] = part.last << this.#band.low;
  }

  #sequential({ ac = missing() }: Part, block: Int16Array): void {
    for (let k = 1; k < 64; k++) {
      const symbol = ac.next(this.#reader);
      const size = symbol & 15;
      if (size === 0 && symbol < 0xf0) return;
      k += symbol >> 4;
      if (size > 0) this.#put(block, k, this.#reader.signed(size));
    }
  }

  #put(block: Int16Array, k: number, value: number): void {
    if (k > this.#band.last) throw new Error("a damaged run of coefficients");
    block[zigzag[k]!] = value;
  }

  #begin({ ac = missing() }: Part, block: Int16Array): void {
    if (this.#quiet > 0) {
      this.#quiet--;
      return;
    }
    const { first, last, low } = this.#band;
    for (let k = first; k <= last; k++) {
      const symbol = ac.next(this.#reader);
      const [run, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && run < 15) {
        this.#quiet = (1 << run) + this.#reader.bits(run) - 1;
        return;
      }
      k += run;
      if (size > 0) this.#put(block, k, this.#reader.signed(size) << low);
    }
  }

  #refine({ ac = missing() }: Part, block: Int16Array): void {
    const { first, last, low } = this.#band;
    let k = first;
    if (this.#quiet === 0) {
      for (; k <= last; k++) {
        const symbol = ac.next(this.#reader);
        const [run, size] = [symbol >> 4, symbol & 15];
        if (size === 0 && run < 15) {
          this.#quiet = (1 << run) + this.#reader.bits(run);
          break;
        }
        const value = size === 0 ? 0 : this.#reader.bits(1) === 1 ? 1 << low : -1 << low;
        k = this.#correct(block, k, run);
        if (value !== 0) this.#put(block, k, value);
      }
    }
    if (this.#quiet > 0) {
      this.#correct(block, k, 64);
      this.#quiet--;
    }
  }

  /** Adds a bit to what is not zero from `k` on, over `zeros` zeros; returns the place of the next one. */
  #correct(block: Int16Array, from: number, zeros: number): number {
    const bit = 1 << this.#band.low;
    let left = zeros;
    let k = from;
    for (; k <= this.#band.last; k++) {
      const place = zigzag[k]!;
      const value = block[place]!;
      if (value === 0) {
        if (left === 0) break;
        left--;
      } else if (this.#reader.bits(1) === 1 && (value & bit) === 0)
        block[place] = value + (value > 0 ? bit : -bit);
    }
    return k;
  }
}
