/** Decodes the coefficients of one scan: whole blocks in sequential files; in progressive files, some bits of a band of each block. */
import type { BitReader, HuffmanTable } from "./entropy.js";

/** The position row · 8 + column of each of a block's 64 coefficients, in the order of the file. */
export const zigzag = Uint8Array.from({ length: 64 }, (_, k) => k).sort((a, b) => {
  const diagonal = (i: number) => (i >> 3) + (i & 7);
  const along = (i: number) => (diagonal(i) % 2 === 0 ? i & 7 : i >> 3);
  return diagonal(a) - diagonal(b) || along(a) - along(b);
});

/** The blocks of a plane, with 64 coefficients each, in rows of `stride` blocks. */
export interface Blocks {
  stride: number;
  coefficients: Int16Array;
}

/** A plane in a scan. */
export interface Part {
  blocks: Blocks;
  dc: HuffmanTable | undefined;
  ac: HuffmanTable | undefined;
  /** The mean of the last block. The file contains the difference of the next one from it. */
  last: number;
}

export interface Band {
  /** The first and last coefficient of the band, in the order of the file. */
  first: number;
  last: number;
  /** `high` is 0 in the first scan of a band. `low` is the lowest bit that this scan contains. */
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
  /** The number of following blocks without new coefficients in this band. */
  #quiet = 0;

  /** In sequential files the band is the whole block, whatever the scan header says. */
  constructor(reader: BitReader, progressive: boolean, band: Band) {
    this.#reader = reader;
    this.#progressive = progressive;
    this.#band = progressive ? band : whole;
  }

  /** A restart marker resets the means and the run of blocks. */
  restart(parts: readonly Part[]): void {
    for (const part of parts) part.last = 0;
    this.#quiet = 0;
  }

  /** Decodes the block at coefficient `at` of the plane. */
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

  /** Reads a correction bit for each nonzero coefficient from `from` on, skips `zeros` zeros, and returns the index of the next zero. */
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
