/**
 * A Huffman code of at most 12 bits a symbol for the symbols of the run-length coding, made from their counts. It is
 * canonical: codes of one length ascend with their symbols, so the lengths alone describe it.
 */
import { mostBits, symbols } from "../../kernels/jpeg.js";

interface Tree {
  count: number;
  /** The symbols below this node. */
  members: readonly number[];
}

/** The length of each symbol's code; 0 for a symbol that does not occur. */
export function codeLengths(counts: Float32Array): Uint8Array {
  const lengths = new Uint8Array(symbols);
  let smallest = 1;
  // Counts are raised until no code is too long. Equal counts give codes of at most 8 bits, so this ends.
  do {
    lengths.fill(0);
    const trees: Tree[] = [];
    for (let symbol = 0; symbol < symbols; symbol++) {
      const count = counts[symbol]!;
      if (count > 0) trees.push({ count: Math.max(count, smallest), members: [symbol] });
    }
    if (trees.length === 1) lengths[trees[0]!.members[0]!] = 1;
    trees.sort((a, b) => b.count - a.count);
    while (trees.length > 1) {
      const [a, b] = [trees.pop()!, trees.pop()!];
      const members = [...a.members, ...b.members];
      for (const symbol of members) lengths[symbol]!++;
      const count = a.count + b.count;
      // The rarest tree is the last.
      const behind = trees.findLastIndex((tree) => tree.count >= count);
      trees.splice(behind + 1, 0, { count, members });
    }
    smallest *= 2;
  } while (lengths.some((length) => length > mostBits));
  return lengths;
}

/** For each symbol its code·16 + its length. */
export function codesOf(lengths: Uint8Array, codes: Float32Array): void {
  codes.fill(0);
  let next = 0;
  for (let length = 1; length <= mostBits; length++) {
    next *= 2;
    lengths.forEach((own, symbol) => {
      if (own === length) codes[symbol] = 16 * next++ + length;
    });
  }
}

/** For each 12 bits, symbol·16 + length of the code that begins them. */
export function lookupOf(lengths: Uint8Array, lookup: Float32Array): void {
  lookup.fill(0);
  let first = 0;
  for (let length = 1; length <= mostBits; length++) {
    const room = 2 ** (mostBits - length);
    lengths.forEach((own, symbol) => {
      if (own !== length) return;
      lookup.fill(16 * symbol + length, first, first + room);
      first += room;
    });
  }
}

/** The bytes of a coding of k by these codes. */
export function codedBytes(counts: Float32Array, lengths: Uint8Array): number {
  let bits = 0;
  lengths.forEach((length, symbol) => {
    bits += counts[symbol]! * (length + (symbol & 15));
  });
  return Math.ceil(bits / 8);
}

/** The sizes of 8-bit amplitudes are 0 … 8, so these symbols occur. */
const used = Array.from({ length: symbols }, (_, symbol) => symbol).filter((symbol) => (symbol & 15) <= 8);

/** The bytes that lengths take: four bits for each symbol that can occur. */
export const lengthsBytes = used.length / 2;

export function writeLengths(to: Uint8Array, lengths: Uint8Array): void {
  for (let i = 0; i < lengthsBytes; i++) to[i] = lengths[used[2 * i]!]! | (lengths[used[2 * i + 1]!]! << 4);
}

export function readLengths(from: Uint8Array): Uint8Array {
  const lengths = new Uint8Array(symbols);
  used.forEach((symbol, i) => {
    lengths[symbol] = (from[i >> 1]! >> (4 * (i & 1))) & 15;
  });
  return lengths;
}
