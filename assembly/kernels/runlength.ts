/** JPEG's run-length coding. See src/kernels/reference/runlength.ts. Each function is one unit. */

/** From the place in zigzag order to the place in the block. */
const zigzag = memory.data<u8>([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46,
  53, 60, 61, 54, 47, 55, 62, 63,
]);

// @inline
function valueAt(block: usize, place: i32): i32 {
  return <i32>load<i8>(block + <usize>load<u8>(zigzag + <usize>place));
}

// @inline
function sizeOf(value: i32): i32 {
  return 32 - clz(abs(value));
}

/** The number of places up to the last one in zigzag order that is not 0. */
function lengthOf(block: usize): i32 {
  let places = 64;
  while (places > 0 && valueAt(block, places - 1) === 0) places--;
  return places;
}

function increment(counts: usize, symbol: i32): void {
  const p = counts + ((<usize>symbol) << 2);
  store<f32>(p, load<f32>(p) + 1);
}

export function runLengthCounts(counts: usize, length: i32, k: usize, bytes: i32, begin: i32, end: i32): i32 {
  memory.fill(counts, 0, (<usize>length) << 2);
  for (const last = k + <usize>bytes; k < last; k += 64) {
    const places = lengthOf(k);
    let run = 0;
    for (let place = 0; place < places; place++) {
      const value = valueAt(k, place);
      if (value === 0) {
        run++;
        continue;
      }
      for (; run > 15; run -= 16) increment(counts, 0xf0);
      increment(counts, (run << 4) + sizeOf(value));
      run = 0;
    }
    if (places < 64) increment(counts, 0);
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
): i32 {
  const last = packed + <usize>length;
  let word: u64 = 0;
  let bits = 0;
  for (const behind = k + <usize>bytes; k < behind; k += 64) {
    const places = lengthOf(k);
    let run = 0;
    for (let place = 0; place < places; place++) {
      const value = valueAt(k, place);
      if (value === 0) {
        run++;
        continue;
      }
      for (; run > 15; run -= 16) {
        const code = codeOf(codes, 0xf0);
        word = (word << (code & 15)) | (code >> 4);
        bits += code & 15;
      }
      const size = sizeOf(value);
      const code = codeOf(codes, (run << 4) + size);
      const amplitude = value > 0 ? value : value + (1 << size) - 1;
      word = (word << ((code & 15) + size)) | ((<u64>(code >> 4)) << size) | amplitude;
      bits += (code & 15) + size;
      run = 0;
      for (; bits >= 8; bits -= 8) {
        if (packed < last) store<u8>(packed++, <u8>(word >> (bits - 8)));
      }
    }
    if (places < 64) {
      const code = codeOf(codes, 0);
      word = (word << (code & 15)) | (code >> 4);
      bits += code & 15;
      for (; bits >= 8; bits -= 8) {
        if (packed < last) store<u8>(packed++, <u8>(word >> (bits - 8)));
      }
    }
  }
  if (bits > 0 && packed < last) store<u8>(packed, <u8>(word << (8 - bits)));
  return 0;
}

/** The `count` (1 … 15) bits from bit `at` on; those behind the end are 0. */
// @inline
function peek(packed: usize, bytes: i32, at: i32, count: i32): i32 {
  const first = at >> 3;
  let word: u32 = 0;
  if (first + 4 <= bytes) word = bswap(load<u32>(packed + <usize>first));
  else
    for (let i = first; i < bytes; i++)
      word |= (<u32>load<u8>(packed + <usize>i)) << ((3 - (i - first)) << 3);
  return (word << (at & 7)) >>> (32 - count);
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
    for (let place = 0; place < 64; ) {
      const entry = codeOf(lookup, peek(packed, bytes, at, 12));
      const size = (entry >> 4) & 15;
      at += entry & 15;
      if (size === 0 && entry >> 4 !== 0xf0) break;
      place += entry >> 8;
      if (size > 0) {
        const amplitude = peek(packed, bytes, at, size);
        at += size;
        const value = amplitude >> (size - 1) ? amplitude : amplitude - (1 << size) + 1;
        if (place < 64) store<u8>(k + <usize>load<u8>(zigzag + <usize>place), <u8>value);
      }
      place++;
    }
  }
  return 0;
}
