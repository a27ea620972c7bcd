/** JPEG's run-length coding of blocks of 64 values, with a Huffman code that the caller brings. */
import { mostBits } from "../jpeg.js";
import { signed } from "./round.js";

/** From the place in zigzag order to the place in the block. */
const zigzag = [
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5],
  ...[12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28],
  ...[35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51],
  ...[58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63],
] as const;

/** Calls `visit` with each symbol of k and its amplitude. */
function items(k: Uint8Array, visit: (symbol: number, amplitude: number) => void): void {
  for (let start = 0; start < k.length; start += 64) {
    let run = 0;
    for (const place of zigzag) {
      const value = signed(k[start + place]!);
      if (value === 0) {
        run++;
        continue;
      }
      for (; run > 15; run -= 16) visit(0xf0, 0);
      const size = 32 - Math.clz32(Math.abs(value));
      visit(16 * run + size, value > 0 ? value : value + (1 << size) - 1);
      run = 0;
    }
    if (run > 0) visit(0, 0);
  }
}

export function runLengthCounts(counts: Float32Array, k: Uint8Array): void {
  counts.fill(0);
  items(k, (symbol) => {
    counts[symbol]!++;
  });
}

export function runLengthPack(packed: Uint8Array, k: Uint8Array, codes: Float32Array): void {
  let [word, bits, to] = [0, 0, 0];
  const write = (value: number, count: number) => {
    word = (word << count) | value;
    for (bits += count; bits >= 8; bits -= 8) {
      if (to < packed.length) packed[to++] = word >> (bits - 8);
      word &= (1 << (bits - 8)) - 1;
    }
  };
  items(k, (symbol, amplitude) => {
    write(codes[symbol]! >> 4, codes[symbol]! & 15);
    write(amplitude, symbol & 15);
  });
  if (bits > 0 && to < packed.length) packed[to] = word << (8 - bits);
}

export function runLengthUnpack(k: Uint8Array, packed: Uint8Array, lookup: Float32Array): void {
  let at = 0;
  /** The next `count` bits, without moving on. Bits behind the end are 0. */
  const peek = (count: number) => {
    let value = 0;
    for (let i = at; i < at + count; i++) value = 2 * value + (((packed[i >> 3] ?? 0) >> (7 - (i & 7))) & 1);
    return value;
  };
  k.fill(0);
  for (let start = 0; start < k.length; start += 64) {
    for (let place = 0; place < 64; ) {
      const entry = lookup[peek(mostBits)]!;
      const [symbol, run, size] = [entry >> 4, entry >> 8, (entry >> 4) & 15];
      at += entry & 15;
      if (size === 0 && symbol !== 0xf0) break;
      place += run;
      if (size > 0) {
        const amplitude = peek(size);
        at += size;
        const value = amplitude >> (size - 1) ? amplitude : amplitude - (1 << size) + 1;
        if (place < 64) k[start + zigzag[place]!] = value;
      }
      place++;
    }
  }
}
