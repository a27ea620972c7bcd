/** JPEG's run-length coding. See src/kernels/reference/runlength.ts. Each function is one unit. */

/** From the place in zigzag order to the place in the block. */
const zigzag = memory.data<u8>([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46,
  53, 60, 61, 54, 47, 55, 62, 63,
]);

/** Sixteen values of the block in zigzag order, from place 16·part on. */
// @inline
function inOrder(block: usize, part: usize): v128 {
  const places = v128.load(zigzag + (part << 4));
  // A place outside of the sixteen that are read becomes an index above 15, which gives 0.
  const sixteen = i8x16.splat(16);
  const places1 = i8x16.sub(places, sixteen);
  const places2 = i8x16.sub(places1, sixteen);
  const places3 = i8x16.sub(places2, sixteen);
  return v128.or(
    v128.or(i8x16.swizzle(v128.load(block), places), i8x16.swizzle(v128.load(block, 16), places1)),
    v128.or(i8x16.swizzle(v128.load(block, 32), places2), i8x16.swizzle(v128.load(block, 48), places3)),
  );
}

/** Writes the block in zigzag order to `to`. Returns the places that are not 0, one bit each. */
// @inline
function order(to: usize, block: usize): u64 {
  let mask: u64 = 0;
  for (let part: usize = 0; part < 4; part++) {
    const values = inOrder(block, part);
    v128.store(to + (part << 4), values);
    mask |= (<u64>(<u32>i8x16.bitmask(i8x16.ne(values, i8x16.splat(0))))) << (part << 4);
  }
  return mask;
}

// @inline
function sizeOf(value: i32): i32 {
  return 32 - clz(abs(value));
}

function increment(counts: usize, symbol: i32): void {
  const p = counts + ((<usize>symbol) << 2);
  store<f32>(p, load<f32>(p) + 1);
}

export function runLengthCounts(
  counts: usize,
  length: i32,
  k: usize,
  bytes: i32,
  begin: i32,
  end: i32,
  workspace: usize,
): i32 {
  memory.fill(counts, 0, (<usize>length) << 2);
  for (const last = k + <usize>bytes; k < last; k += 64) {
    let mask = order(workspace, k);
    const ends = mask >> 63 === 0;
    let next = 0;
    for (; mask !== 0; mask &= mask - 1) {
      const place = <i32>ctz(mask);
      let run = place - next;
      for (; run > 15; run -= 16) increment(counts, 0xf0);
      increment(counts, (run << 4) + sizeOf(<i32>load<i8>(workspace + <usize>place)));
      next = place + 1;
    }
    if (ends) increment(counts, 0);
  }
  return 0;
}

// @inline
function codeOf(codes: usize, symbol: i32): i32 {
  return <i32>load<f32>(codes + ((<usize>symbol) << 2));
}

export function runLengthPack(
  packed: usize,
  length: i32,
  k: usize,
  bytes: i32,
  codes: usize,
  begin: i32,
  end: i32,
  workspace: usize,
): i32 {
  const last = packed + <usize>length;
  // At most 31 bits wait in `word`, and a symbol with its amplitude adds at most 20.
  let word: u64 = 0;
  let bits = 0;
  for (const behind = k + <usize>bytes; k < behind; k += 64) {
    let mask = order(workspace, k);
    let ends = mask >> 63 === 0;
    let next = 0;
    while (mask !== 0 || ends) {
      let symbol = 0;
      let amplitude = 0;
      if (mask === 0) ends = false;
      else {
        const run = <i32>ctz(mask) - next;
        if (run > 15) {
          symbol = 0xf0;
          next += 16;
        } else {
          const value = <i32>load<i8>(workspace + <usize>ctz(mask));
          const size = sizeOf(value);
          symbol = (run << 4) + size;
          amplitude = value > 0 ? value : value + (1 << size) - 1;
          next += run + 1;
          mask &= mask - 1;
        }
      }
      const code = codeOf(codes, symbol);
      const size = symbol & 15;
      word = (word << ((code & 15) + size)) | ((<u64>(code >> 4)) << size) | amplitude;
      bits += (code & 15) + size;
      if (bits < 32) continue;
      bits -= 32;
      const four = bswap(<u32>(word >> bits));
      if (packed + 4 <= last) store<u32>(packed, four);
      else
        for (let i: usize = 0; packed + i < last; i++) store<u8>(packed + i, <u8>(four >> ((<u32>i) << 3)));
      packed += 4;
    }
  }
  for (; bits > 0; bits -= 8, packed++) {
    if (packed < last) store<u8>(packed, <u8>(bits >= 8 ? word >> (bits - 8) : word << (8 - bits)));
  }
  return 0;
}

/** The 57 bits or more from bit `at` on, the first one as the highest; those behind the end are 0. */
// @inline
function peek(packed: usize, bytes: i32, at: i32): u64 {
  const first = at >> 3;
  let word: u64 = 0;
  if (first + 8 <= bytes) word = bswap(load<u64>(packed + <usize>first));
  else {
    for (let i = first; i < bytes; i++) {
      word |= (<u64>load<u8>(packed + <usize>i)) << (<u64>(56 - ((i - first) << 3)));
    }
  }
  return word << (<u64>(at & 7));
}

export function runLengthUnpack(
  k: usize,
  length: i32,
  packed: usize,
  bytes: i32,
  lookup: usize,
  begin: i32,
  end: i32,
): i32 {
  memory.fill(k, 0, length);
  let at = 0;
  for (const last = k + <usize>length; k < last; k += 64) {
    for (let place = 0; place < 64; place++) {
      const word = peek(packed, bytes, at);
      const entry = codeOf(lookup, <i32>(word >>> 52));
      const size = (entry >> 4) & 15;
      const used = entry & 15;
      at += used + size;
      if (size === 0) {
        if (entry >> 4 !== 0xf0) break;
        place += 15;
        continue;
      }
      place += entry >> 8;
      const amplitude = <i32>((word << (<u64>used)) >>> <u64>(64 - size));
      const value = amplitude >> (size - 1) ? amplitude : amplitude - (1 << size) + 1;
      if (place < 64) store<u8>(k + <usize>load<u8>(zigzag + <usize>place), <u8>value);
    }
  }
  return 0;
}
