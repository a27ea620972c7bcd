/**
 * Packs blocks of 64 unsigned integers in the fewest whole bits that hold the largest of them, and unpacks
 * them.
 *
 * A width w is split into planes: whole bytes first, then 4, 2 and 1 bits as the binary digits of w mod 8
 * say. A block is four rows of sixteen integers. A plane of fewer than 8 bits puts several rows into one
 * byte:
 *
 *   8 bits  64 bytes  row 0 | row 1 | row 2 | row 3
 *   4 bits  32 bytes  row 0 + 16·row 1 | row 2 + 16·row 3
 *   2 bits  16 bytes  row 0 + 4·row 1 + 16·row 2 + 64·row 3
 *   1 bit    8 bytes  n(j) + 16·n(j + 8), with n = row 0 + 2·row 1 + 4·row 2 + 8·row 3
 *
 * Fewer than 64 integers, at the end of a chunk, are a plain string of bits: integer i starts at bit i·w.
 *
 * proofs: Pack.unpack_pack, Pack.unpack_pack_string, Pack.planes_sum, Pack.places_disjoint
 */
export const blockLength = 64;

/** Number of bits that hold `value`, an unsigned 32-bit integer. */
export const bitLength = (value: number): number => 32 - Math.clz32(value);

/** Bytes of `count` ≤ 64 integers of one width. */
export const blockBytes = (width: number, count: number = blockLength): number =>
  Math.ceil((count * width) / 8);

/** The width of each plane, lowest bits of the values first. */
function planesOf(width: number): number[] {
  const planes: number[] = [];
  for (let rest = width; rest >= 8; rest -= 8) planes.push(8);
  for (const bits of [4, 2, 1]) if (width & bits) planes.push(bits);
  return planes;
}

/** Where integer i lies in a plane: the byte within the plane, and the shift within the byte. */
function placeOf(i: number, bits: number): { byte: number; shift: number } {
  const row = i >> 4;
  const lane = i & 15;
  if (bits === 8) return { byte: i, shift: 0 };
  if (bits === 4) return { byte: (row >> 1) * 16 + lane, shift: (row & 1) * 4 };
  if (bits === 2) return { byte: lane, shift: row * 2 };
  return { byte: lane & 7, shift: (lane >> 3) * 4 + row };
}

export function pack(bytes: Uint8Array, at: number, values: Uint32Array, width: number): void {
  bytes.fill(0, at, at + blockBytes(width, values.length));
  if (values.length < blockLength) {
    for (let bit = 0; bit < values.length * width; bit++) {
      const digit = (values[Math.floor(bit / width)]! >>> (bit % width)) & 1;
      bytes[at + (bit >> 3)]! |= digit << (bit & 7);
    }
    return;
  }
  let done = 0;
  let plane = at;
  for (const bits of planesOf(width)) {
    for (let i = 0; i < blockLength; i++) {
      const { byte, shift } = placeOf(i, bits);
      bytes[plane + byte]! |= ((values[i]! >>> done) & ((1 << bits) - 1)) << shift;
    }
    done += bits;
    plane += blockBytes(bits);
  }
}

export function unpack(values: Uint32Array, bytes: Uint8Array, at: number, width: number): void {
  values.fill(0);
  if (values.length < blockLength) {
    for (let bit = 0; bit < values.length * width; bit++) {
      const digit = (bytes[at + (bit >> 3)]! >> (bit & 7)) & 1;
      values[Math.floor(bit / width)]! |= digit << (bit % width);
    }
    return;
  }
  let done = 0;
  let plane = at;
  for (const bits of planesOf(width)) {
    for (let i = 0; i < blockLength; i++) {
      const { byte, shift } = placeOf(i, bits);
      const digit = (bytes[plane + byte]! >>> shift) & ((1 << bits) - 1);
      values[i] = (values[i]! | (digit << done)) >>> 0;
    }
    done += bits;
    plane += blockBytes(bits);
  }
}
