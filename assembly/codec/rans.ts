// Eight rANS coders, one per lane, that share a sequence of words; src/codec/stages/rans.ts defines them, and
// rows.ts the contexts. Their states are two vectors of four. Table lookups are scalar, one per lane.
import {
  ABOVE,
  CODED,
  CODES,
  ENTRIES,
  HOLE_ENTRY,
  READ_CODES,
  ROW_CONTEXTS,
  SECOND_ABOVE,
  SECOND_CONTEXTS,
  SECOND_SYMBOLS,
  SLOTS,
  SPOTS,
  STATES,
  STREAMS,
  SYMBOLS,
  TOPS,
  WORDS_END,
} from "./map";
import { areaAt, exceeded, keepAbove, startStrip, turned } from "./rows";
import { bitsOf, opaque, opaque8, RAISE, SCATTER, settings } from "./scratch";

const TOTAL_BITS: u32 = 11;
export const LEAST_STATE: u32 = 0x10000;

/** The class of a symbol as a left neighbour. */
// @inline
export function besideOf(symbol: u32, left: u32): u32 {
  return ((symbol > (left & 255)) as u32) + ((symbol > ((left >> 8) & 255)) as u32) + ((symbol > ((left >> 16) & 255)) as u32);
}

/**
 * Builds the encoder's table, 8 bytes an entry: 2/f in binary32, then f and start + 2^11 − f. It overwrites
 * CODES, but only codes that have been read.
 */
export function prepareEncoder(scratch: usize): void {
  for (let c: usize = 0; c < 16; c++) {
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol === top ? 255 : symbol + 1) {
      const i = (c << 8) | (symbol as usize);
      const code = load<u32>(scratch + CODES + (i << 2));
      const f = code & 0xffff;
      store<f32>(scratch + ENTRIES + (i << 3), <f32>2 / <f32>f);
      store<u16>(scratch + ENTRIES + (i << 3), f as u16, 4);
      store<u16>(scratch + ENTRIES + (i << 3), ((code >> 16) + 2048 - f) as u16, 6);
      if (symbol === 255) break;
    }
  }
  // With all of the slots, ⌊x/f⌋·2^11 + x mod f + start is x itself, and no word is written.
  const hole = scratch + ENTRIES + (HOLE_ENTRY as usize);
  store<f32>(hole, <f32>2 / <f32>2048);
  store<u16>(hole, 2048, 4);
  store<u16>(hole, 0, 6);
}

/** The entry of lane `lane`'s symbol in the column at `coded`, in the low half. */
// @inline
function entryOf(entries: usize, coded: usize, lane: usize): v128 {
  return v128.load64_zero(entries + (load<u16>(coded + (lane << 1)) as usize));
}

/** The first words of two vectors, then their second words. */
// @inline
function wordsOf(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}

// @inline
function lowHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

// @inline
function highHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/**
 * x ← ⌊x/f⌋·2^11 + x mod f + start, without a division. The quotient q is below 2^21. The product (x + 1 >>
 * 1) · 2/f in binary32 lies between x/f and (x + 1)/f, apart from three roundings that sum to less than ⅜. So
 * the integer nearest to it, minus 1, is q or q − 1, and the remainder, which is below 2f, shows which:
 *
 *   q·2^11 + rest + start + (2^11 − f if rest ≥ f)
 *
 * Remainders need only their low 16 bits. `below` is 2^23 − 1 in binary32: adding it rounds to an integer and
 * subtracts the 1, and the low bits of the sum 2^23 + q are those of q.
 */
// @inline
function step(x: v128, code: v128, twofold: v128, low: v128, below: v128, total: v128): v128 {
  const f = v128.and(code, low);
  const half = i32x4.sub(x, i32x4.shr_u(x, 1));
  const q = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(half), twofold), below);
  const rest = i16x8.sub(v128.and(x, low), i16x8.mul(q, f));
  const under = v128.and(i16x8.gt_s(f, rest), i16x8.sub(total, f));
  const all = i32x4.add(i32x4.add(i32x4.shl(q, 11), i32x4.shr_u(code, 16)), rest);
  return i32x4.sub(all, under);
}

/**
 * Writes the words of `count` symbols from WORDS_END down, and the states to STATES. Returns where the words
 * begin.
 */
export function encodeSymbols(count: usize, scratch: usize): usize {
  const coded = scratch + CODED;
  const entries = scratch + ENTRIES;
  const low = opaque(0xffff, scratch);
  const below = opaque(0x4afffffe, scratch);
  const total = opaque(2048, scratch);
  let a = i32x4.splat(LEAST_STATE);
  let b = a;
  let at = scratch + WORDS_END;
  for (let i = count << 1; i > 0; ) {
    i -= 16;
    const e01 = wordsOf(entryOf(entries, coded + i, 0), entryOf(entries, coded + i, 1));
    const e23 = wordsOf(entryOf(entries, coded + i, 2), entryOf(entries, coded + i, 3));
    const e45 = wordsOf(entryOf(entries, coded + i, 4), entryOf(entries, coded + i, 5));
    const e67 = wordsOf(entryOf(entries, coded + i, 6), entryOf(entries, coded + i, 7));
    const codeA = highHalves(e01, e23);
    const codeB = highHalves(e45, e67);
    // A state must give a word away from f·2^21 on, which is when its upper half reaches f·2^5.
    const upperA = i32x4.shr_u(a, 16);
    const upperB = i32x4.shr_u(b, 16);
    const keptA = i32x4.gt_s(i32x4.shl(v128.and(codeA, low), 5), upperA);
    const keptB = i32x4.gt_s(i32x4.shl(v128.and(codeB, low), 5), upperB);
    // Branch-free output: the low halves of the full lanes move up to the end of a vector. The next vector
    // overwrites the rest of it.
    const kept = bitsOf(i16x8.narrow_i32x4_s(keptA, keptB));
    const halves = i16x8.narrow_i32x4_u(v128.and(a, low), v128.and(b, low));
    at -= 16;
    v128.store(at, i8x16.swizzle(halves, v128.load(scratch + RAISE + (kept << 4))));
    at += popcnt(kept as u32) << 1;
    // A kept lane is all ones, so min_u takes the state itself; of a full one it takes the upper half.
    a = step(i32x4.min_u(a, v128.or(upperA, keptA)), codeA, lowHalves(e01, e23), low, below, total);
    b = step(i32x4.min_u(b, v128.or(upperB, keptB)), codeB, lowHalves(e45, e67), low, below, total);
  }
  v128.store(scratch + STATES, a);
  v128.store(scratch + STATES, b, 16);
  return at;
}

/**
 * Builds the decoder's table: one word for each slot of each context.
 *
 *   31 … 24  symbol | 23, 22  class as a left neighbour | 21 … 11  slot − start | 10 … 0  frequency
 */
export function prepareDecoder(scratch: usize): void {
  const left = settings(scratch).left;
  let slot = scratch + SLOTS;
  for (let k: usize = 0; k < 16; k++) {
    // Tables of neighbouring area classes are 2^13 bytes apart, those of neighbouring left classes 2^15.
    const c = ((k & 3) << 2) | (k >> 2);
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol === top ? 255 : symbol + 1) {
      const f = load<u16>(scratch + READ_CODES + (((c << 8) | (symbol as usize)) << 2)) as u32;
      const entry = i32x4.splat((symbol << 24) | (besideOf(symbol, left) << 22) | f);
      // Writes four slots at a time; the next symbol overwrites the surplus.
      for (let from: u32 = 0; from < f; from += 4) {
        const offset = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3));
        v128.store(slot + (from << 2), i32x4.add(entry, i32x4.shl(offset, 11)));
      }
      slot += f << 2;
      if (symbol === 255) break;
    }
  }
}

/**
 * The decoder of one segment, which writes its symbols to `symbols`. The eight states follow it in memory.
 */
@unmanaged
export class Stream {
  /** The next word, and the end of the words; 16 bytes may be read beyond the end. */
  at: usize;
  end: usize;
  symbols: usize;
  /** The row above the current one, as keepAbove stores it. */
  above: usize;
  contexts: usize;
}

export function streamOf(scratch: usize, k: usize): Stream {
  const stream = changetype<Stream>(scratch + STREAMS + (k << 6));
  stream.symbols = scratch + (k === 0 ? SYMBOLS : SECOND_SYMBOLS);
  stream.above = scratch + (k === 0 ? ABOVE : SECOND_ABOVE);
  stream.contexts = scratch + (k === 0 ? ROW_CONTEXTS : SECOND_CONTEXTS);
  return stream;
}

// @inline
export function statesOf(stream: Stream): usize {
  return changetype<usize>(stream) + 32;
}

/**
 * The slots of four lanes at the addresses `at`. The addresses pass through memory at `spot`, which is faster
 * than extracting the lanes one by one.
 */
// @inline
function slotsAt(at: v128, spot: usize): v128 {
  v128.store(spot, at);
  const e01 = wordsOf(v128.load32_zero(load<u32>(spot)), v128.load32_zero(load<u32>(spot, 4)));
  const e23 = wordsOf(v128.load32_zero(load<u32>(spot, 8)), v128.load32_zero(load<u32>(spot, 12)));
  return lowHalves(e01, e23);
}

/** The next state: f·⌊x/2^11⌋ + slot − start. */
// @inline
function advance(x: v128, entry: v128, eleven: v128): v128 {
  const f = v128.and(entry, eleven);
  const offset = v128.and(i32x4.shr_u(entry, TOTAL_BITS), eleven);
  return i32x4.add(i32x4.mul(f, i32x4.shr_u(x, TOTAL_BITS)), offset);
}

/** The table offset for the class as a left neighbour (a multiple of 2^15 bytes), added to `tables`. */
// @inline
function besideAt(entry: v128, beside: v128, tables: v128): v128 {
  return i32x4.add(v128.and(i32x4.shr_u(entry, 7), beside), tables);
}

/** The symbols of two vectors of entries, in both halves of the result. */
// @inline
function symbolsOf(a: v128, b: v128): v128 {
  const found = i16x8.narrow_i32x4_s(i32x4.shr_u(a, 24), i32x4.shr_u(b, 24));
  return i8x16.narrow_i16x8_u(found, found);
}

// @inline
function isShort(x: v128): v128 {
  return i32x4.eq(i32x4.shr_u(x, 16), i32x4.splat(0));
}

/** The states marked `short` shift in a word; `word` is zero for the others. */
// @inline
function refill(x: v128, short: v128, word: v128): v128 {
  return v128.or(v128.bitselect(i32x4.shl(x, 16), x, short), word);
}

/** Writes the table offsets of a row's area classes (multiples of 2^13 bytes), 16 bits each. */
// @inline
function classRow(stream: Stream, width: usize, area: u32, scratch: usize): void {
  const a0 = turned(area, 0, scratch);
  const a1 = turned(area, 1, scratch);
  const a2 = turned(area, 2, scratch);
  const top = opaque8(128, scratch);
  const above = stream.above;
  const contexts = stream.contexts;
  const zero = i8x16.splat(0);
  for (let i: usize = 0; i < width << 3; i += 16) {
    const area = i8x16.sub(zero, exceeded(v128.xor(areaAt(above + i), top), a0, a1, a2));
    v128.store(contexts + (i << 1), i16x8.shl(i16x8.extend_low_i8x16_u(area), 13));
    v128.store(contexts + (i << 1), i16x8.shl(i16x8.extend_high_i8x16_u(area), 13), 16);
  }
}

/**
 * Decodes a row of symbols. With `two`, it decodes one row of each of two streams, so that one stream
 * computes while the other waits for its table lookups.
 */
// @inline
function decodeColumns(one: Stream, other: Stream, two: bool, width: usize, scratch: usize): void {
  const tables = i32x4.splat((scratch + SLOTS) as i32);
  const slots = opaque(8188, scratch);
  const eleven = opaque(2047, scratch);
  const beside = opaque(0x18000, scratch);
  const scatter = scratch + SCATTER;
  const spots = scratch + SPOTS;
  let a = v128.load(statesOf(one));
  let b = v128.load(statesOf(one), 16);
  let c = a;
  let d = a;
  if (two) {
    c = v128.load(statesOf(other));
    d = v128.load(statesOf(other), 16);
  }
  let leftA = tables;
  let leftB = tables;
  let leftC = tables;
  let leftD = tables;
  const end = one.end;
  const otherEnd = other.end;
  let at = one.at;
  let otherAt = other.at;
  const contexts = one.contexts;
  const otherContexts = other.contexts;
  const symbols = one.symbols;
  const otherSymbols = other.symbols;
  for (let i: usize = 0; i < width << 3; i += 8) {
    const tableA = i32x4.add(leftA, v128.load16x4_u(contexts + (i << 1)));
    const tableB = i32x4.add(leftB, v128.load16x4_u(contexts + (i << 1), 8));
    const entryA = slotsAt(i32x4.add(v128.and(i32x4.shl(a, 2), slots), tableA), spots);
    const entryB = slotsAt(i32x4.add(v128.and(i32x4.shl(b, 2), slots), tableB), spots + 16);
    leftA = besideAt(entryA, beside, tables);
    leftB = besideAt(entryB, beside, tables);
    v128.store64_lane(symbols + i, symbolsOf(entryA, entryB), 0);
    a = advance(a, entryA, eleven);
    b = advance(b, entryB, eleven);
    const shortA = isShort(a);
    const shortB = isShort(b);
    const short = bitsOf(i16x8.narrow_i32x4_s(shortA, shortB));
    const words = i8x16.swizzle(v128.load(min(at, end)), v128.load(scatter + (short << 4)));
    at += popcnt(short as u32) << 1;
    a = refill(a, shortA, i32x4.extend_low_i16x8_u(words));
    b = refill(b, shortB, i32x4.extend_high_i16x8_u(words));
    // Writing the two streams one after the other needs fewer registers; the processor interleaves them.
    if (!two) continue;
    const tableC = i32x4.add(leftC, v128.load16x4_u(otherContexts + (i << 1)));
    const tableD = i32x4.add(leftD, v128.load16x4_u(otherContexts + (i << 1), 8));
    const entryC = slotsAt(i32x4.add(v128.and(i32x4.shl(c, 2), slots), tableC), spots + 32);
    const entryD = slotsAt(i32x4.add(v128.and(i32x4.shl(d, 2), slots), tableD), spots + 48);
    leftC = besideAt(entryC, beside, tables);
    leftD = besideAt(entryD, beside, tables);
    v128.store64_lane(otherSymbols + i, symbolsOf(entryC, entryD), 0);
    c = advance(c, entryC, eleven);
    d = advance(d, entryD, eleven);
    const shortC = isShort(c);
    const shortD = isShort(d);
    const otherShort = bitsOf(i16x8.narrow_i32x4_s(shortC, shortD));
    const otherWords = i8x16.swizzle(v128.load(min(otherAt, otherEnd)), v128.load(scatter + (otherShort << 4)));
    otherAt += popcnt(otherShort as u32) << 1;
    c = refill(c, shortC, i32x4.extend_low_i16x8_u(otherWords));
    d = refill(d, shortD, i32x4.extend_high_i16x8_u(otherWords));
  }
  v128.store(statesOf(one), a);
  v128.store(statesOf(one), b, 16);
  one.at = at;
  if (!two) return;
  v128.store(statesOf(other), c);
  v128.store(statesOf(other), d, 16);
  other.at = otherAt;
}

/** Stores the row of symbols as the row above the next one, and advances. */
// @inline
function nextRow(stream: Stream, width: usize, scratch: usize): void {
  keepAbove(stream.symbols, width, stream.above, scratch);
  stream.symbols += width << 3;
}

/** Decodes a row without holes of one stream. */
export function decodeRow(stream: Stream, width: usize, scratch: usize): void {
  classRow(stream, width, settings(scratch).area, scratch);
  decodeColumns(stream, stream, false, width, scratch);
  nextRow(stream, width, scratch);
}

/** Decodes the symbols of a strip of `height` rows, of one stream or of two in step. */
export function decodeStrip(one: Stream, other: Stream, two: bool, height: u32, width: usize, scratch: usize): void {
  const area = settings(scratch).area;
  startStrip(one.above, width);
  if (two) startStrip(other.above, width);
  for (let y: u32 = 0; y < height; y++) {
    if (!two) {
      decodeRow(one, width, scratch);
      continue;
    }
    classRow(one, width, area, scratch);
    classRow(other, width, area, scratch);
    decodeColumns(one, other, true, width, scratch);
    nextRow(other, width, scratch);
    nextRow(one, width, scratch);
  }
}
