// Dense mode's rows with holes (see mask.ts). A hole has the integer that is predicted for it, no symbol of its own, and for
// contexts the symbol of its left neighbour. Such rows are rare: their symbols are handled one by one.
// src/codec/dense/segment.ts does the same.
import { ABOVE, BRIDGED, HOLE_ENTRY, READ_BRIDGED, READ_ROW_HOLES, ROW_HOLES, SLOTS, TOPS, TRUE_SYMBOLS } from "./map";
import { besideOf, Stream, statesOf } from "./rans";
import { aboveOf, expected, expectedHalves, inHalves, keepAbove, rowAt } from "./rows";
import { opaque16, settings } from "./scratch";

/** All ones in the lanes whose bits are set in a column's byte. */
// @inline
function lanesOf(byte: u32): v128 {
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return i16x8.eq(v128.and(i16x8.splat(byte as i16), bits), bits);
}

/**
 * Replaces the integers of holes in row y by the predicted ones. In half steps it also takes the others at an even distance
 * from theirs, as halvesWith does.
 */
export function bridgeRow(y: u32, first: bool, scratch: usize): void {
  const s = settings(scratch);
  const width = s.width as usize;
  const predictor = s.predictor;
  const halves = inHalves(predictor);
  const row = rowAt(scratch, y);
  const above = aboveOf(scratch, y, first);
  const one = opaque16(1, scratch);
  const three = opaque16(3, scratch);
  let left = first ? i16x8.splat(0) : v128.load(above);
  let corner = left;
  let before = left;
  for (let x: usize = 0; x < width; x++) {
    const at = row + (x << 4);
    const up = first ? left : v128.load(above + (x << 4));
    let v = v128.load(at);
    let expect: v128;
    if (halves) {
      expect = expectedHalves(before, left, up, corner, above + (x << 4), first, three, predictor);
      v = i16x8.add(v, v128.and(v128.xor(v, expect), one));
    } else expect = expected(left, up, corner, predictor);
    v = v128.bitselect(expect, v, lanesOf(load<u8>(scratch + ROW_HOLES + x)));
    v128.store(at, v);
    before = left;
    left = v;
    corner = up;
  }
}

/** Fills the holes of row y anew for the rows below: with the mean of both neighbours, from the last to the first. */
export function refillRow(y: u32, holes: usize, scratch: usize): void {
  const width = settings(scratch).width as usize;
  const row = rowAt(scratch, y);
  for (let x = width - 1; x > 0; x--) {
    const byte = load<u8>(holes + x - 1) as u32;
    if (byte === 0) continue;
    const at = row + ((x - 1) << 4);
    const right = v128.load(at, 16);
    const mean = x === 1 ? right : i16x8.shr_s(i16x8.add(v128.load(at - 16), right), 1);
    v128.store(at, v128.bitselect(mean, v128.load(at), lanesOf(byte)));
  }
}

/** The context of symbol i of a row (column i / 8, lane i mod 8), from the row above and the left neighbour. */
// @inline
function contextAt(above: usize, i: usize, left: u32, area: u32, beside: u32): u32 {
  const at = above + i;
  const sum = (load<u8>(at - 8) as u32) + 2 * (load<u8>(at) as u32) + (load<u8>(at, 8) as u32);
  return 4 * besideOf(sum, area) + besideOf(left, beside);
}

/** codeRow for a row with holes. */
export function codeBridged(to: usize, large: usize, limit: usize, scratch: usize): usize {
  const s = settings(scratch);
  const width = s.width as usize;
  const row = scratch + BRIDGED;
  let end = large;
  for (let i: usize = 0; i < width << 3; i++) {
    const left = i >= 8 ? (load<u8>(row + i - 8) as u32) : 0;
    if (((load<u8>(scratch + ROW_HOLES + (i >> 3)) as u32) >> ((i & 7) as u32)) & 1) {
      store<u8>(row + i, left);
      store<u16>(to + (i << 1), HOLE_ENTRY);
      continue;
    }
    const context = contextAt(scratch + ABOVE, i, left, s.area, s.left);
    const truth = load<u16>(scratch + TRUE_SYMBOLS + (i << 1)) as u32;
    let symbol = min<u32>(truth, 255);
    if (symbol > (load<u8>(scratch + TOPS + (context as usize)) as u32)) {
      symbol = 255;
      if (end < limit) store<u16>(end, truth);
      end += 2;
    }
    store<u8>(row + i, symbol);
    store<u16>(to + (i << 1), ((context << 8) | symbol) << 3);
  }
  keepAbove(row, width, scratch + ABOVE, scratch);
  return end;
}

/** Decodes a row of symbols whose holes are at READ_ROW_HOLES. Holes get symbol 0. */
export function decodeBridged(stream: Stream, width: usize, scratch: usize): void {
  const s = settings(scratch);
  const row = scratch + READ_BRIDGED;
  const states = statesOf(stream);
  for (let i: usize = 0; i < width << 3; i++) {
    const left = i >= 8 ? (load<u8>(row + i - 8) as u32) : 0;
    if (((load<u8>(scratch + READ_ROW_HOLES + (i >> 3)) as u32) >> ((i & 7) as u32)) & 1) {
      store<u8>(row + i, left);
      store<u8>(stream.symbols + i, 0);
      continue;
    }
    const context = contextAt(stream.above, i, left, s.area, s.left);
    // The tables lie in the order of prepareDecoder.
    const table = scratch + SLOTS + ((((context & 3) << 2) | (context >> 2)) << 13);
    const state = states + ((i & 7) << 2);
    const x = load<u32>(state);
    const entry = load<u32>(table + ((x & 2047) << 2));
    let next = (entry & 2047) * (x >> 11) + ((entry >> 11) & 2047);
    if (next < 0x10000) {
      next <<= 16;
      if (stream.at < stream.end) next |= load<u16>(stream.at) as u32;
      stream.at += 2;
    }
    store<u32>(state, next);
    store<u8>(row + i, entry >> 24);
    store<u8>(stream.symbols + i, entry >> 24);
  }
  keepAbove(row, width, stream.above, scratch);
  stream.symbols += width << 3;
}
