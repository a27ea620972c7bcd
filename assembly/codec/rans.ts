// Eight rANS coders, one a lane, that share a sequence of words; src/codec/rans.ts defines them, and rows.ts the contexts.
import {
  ABOVE,
  CODES,
  CONTEXTS,
  LEFTS,
  READ_CODES,
  RECIPROCALS,
  SLOTS,
  STATES,
  SYMBOLS,
  TOPS,
  WORDS_END,
} from "./map";
import { areaAt, classOf, splat } from "./rows";
import { settings } from "./scratch";

const TOTAL_BITS: u32 = 11;
export const LEAST_STATE: u32 = 0x10000;

/** The class of a symbol as a left neighbour. */
@inline
export function besideOf(symbol: u32, left: u32): u32 {
  return ((symbol > (left & 255)) as u32) + ((symbol > ((left >> 8) & 255)) as u32) + ((symbol > ((left >> 16) & 255)) as u32);
}

/** ⌊2^43/f⌋ + 1: for x < f·2^21 the product with it, shifted back, is ⌊x/f⌋ exactly, as f² < 2^22. */
export function prepareReciprocals(scratch: usize): void {
  for (let c: usize = 0; c < 16; c++) {
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol == top ? 255 : symbol + 1) {
      const f = load<u16>(scratch + CODES + (((c << 8) | (symbol as usize)) << 2)) as usize;
      store<u64>(scratch + RECIPROCALS + (f << 3), ((1 as u64) << 43) / (f as u64) + 1);
      if (symbol == 255) break;
    }
  }
}

@inline
function codeOf(codes: usize, contexts: usize, symbols: usize, lane: usize): u32 {
  return load<u32>(codes + (((load<u8>(contexts + lane) as usize) << 10) | ((load<u8>(symbols + lane) as usize) << 2)));
}

@inline
function stepOf(code: u32, x: u32, reciprocals: usize): u32 {
  const f = code & 0xffff;
  const times = (((x as u64) * load<u64>(reciprocals + ((f as usize) << 3))) >> 43) as u32;
  return x + times * (2048 - f) + (code >> 16);
}

/** The symbols' words, from WORDS_END down, and the states at STATES. Returns where the words begin. */
export function encodeSymbols(count: usize, scratch: usize): usize {
  const symbols = scratch + SYMBOLS;
  const contexts = scratch + CONTEXTS;
  const codes = scratch + CODES;
  const states = scratch + STATES;
  const reciprocals = scratch + RECIPROCALS;
  let x0 = LEAST_STATE;
  let x1 = LEAST_STATE;
  let x2 = LEAST_STATE;
  let x3 = LEAST_STATE;
  let x4 = LEAST_STATE;
  let x5 = LEAST_STATE;
  let x6 = LEAST_STATE;
  let x7 = LEAST_STATE;
  let at = scratch + WORDS_END;
  for (let i = count; i > 0; ) {
    i -= 8;
    const context = contexts + i;
    const symbol = symbols + i;
    let code: u32;
    let full: u32;
    // Without a branch: the low half is always written, and kept where it has to go.

    code = codeOf(codes, context, symbol, 7);
    store<u16>(at - 2, x7 as u16);
    full = (x7 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x7 = stepOf(code, x7 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 6);
    store<u16>(at - 2, x6 as u16);
    full = (x6 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x6 = stepOf(code, x6 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 5);
    store<u16>(at - 2, x5 as u16);
    full = (x5 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x5 = stepOf(code, x5 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 4);
    store<u16>(at - 2, x4 as u16);
    full = (x4 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x4 = stepOf(code, x4 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 3);
    store<u16>(at - 2, x3 as u16);
    full = (x3 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x3 = stepOf(code, x3 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 2);
    store<u16>(at - 2, x2 as u16);
    full = (x2 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x2 = stepOf(code, x2 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 1);
    store<u16>(at - 2, x1 as u16);
    full = (x1 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x1 = stepOf(code, x1 >> (full << 4), reciprocals);

    code = codeOf(codes, context, symbol, 0);
    store<u16>(at - 2, x0 as u16);
    full = (x0 >= code << 21) as u32;
    at -= (full as usize) << 1;
    x0 = stepOf(code, x0 >> (full << 4), reciprocals);
  }
  store<u32>(states, x0, 0);
  store<u32>(states, x1, 4);
  store<u32>(states, x2, 8);
  store<u32>(states, x3, 12);
  store<u32>(states, x4, 16);
  store<u32>(states, x5, 20);
  store<u32>(states, x6, 24);
  store<u32>(states, x7, 28);
  return at;
}

/**
 * A slot of a context, one word:   31 … 21  slot − start | 20 … 10  frequency | 9, 8  class as a left neighbour | symbol
 */
export function prepareDense(scratch: usize): void {
  const left = settings(scratch).left;
  let slot = scratch + SLOTS;
  for (let c: usize = 0; c < 16; c++) {
    const top = load<u8>(scratch + TOPS + c) as u32;
    for (let symbol: u32 = 0; symbol < 256; symbol = symbol == top ? 255 : symbol + 1) {
      const f = load<u16>(scratch + READ_CODES + (((c << 8) | (symbol as usize)) << 2)) as u32;
      const entry = (f << 10) | (besideOf(symbol, left) << 8) | symbol;
      for (let k: u32 = 0; k < f; k++, slot += 4) store<u32>(slot, (k << 21) | entry);
      if (symbol == 255) break;
    }
  }
}

@inline
function slotOf(slots: usize, contexts: usize, lane: usize, left: usize, x: u32): u32 {
  const table = slots + ((load<u8>(contexts + lane) as usize) << 15) + left;
  return load<u32>(table + (((x & 2047) as usize) << 2));
}

/** Its class as a left neighbour, as the distance to the first of its tables. */
@inline
function leftOf(entry: u32): usize {
  return ((entry & 0x300) << 5) as usize;
}

@inline
function advance(entry: u32, x: u32): u32 {
  return ((entry >> 10) & 2047) * (x >> TOTAL_BITS) + (entry >> 21);
}

/** A row of symbols from the words at `at`, which go up to `end`; 16 bytes behind it may be read. Returns where it is. */
export function decodeSymbols(at0: usize, end: usize, width: usize, scratch: usize): usize {
  const s = settings(scratch);
  const slots = scratch + SLOTS;
  const symbols = scratch + SYMBOLS;
  const contexts = scratch + CONTEXTS;
  const states = scratch + STATES;
  const a0 = splat(s.area, 0);
  const a1 = splat(s.area, 1);
  const a2 = splat(s.area, 2);
  for (let i: usize = 0; i < width << 3; i += 16) {
    v128.store(contexts + i, classOf(areaAt(scratch + ABOVE + 8 + i), a0, a1, a2));
  }
  // A loop over the lanes would keep their states in memory; so they are written out.
  let x0 = load<u32>(states, 0);
  let x1 = load<u32>(states, 4);
  let x2 = load<u32>(states, 8);
  let x3 = load<u32>(states, 12);
  let x4 = load<u32>(states, 16);
  let x5 = load<u32>(states, 20);
  let x6 = load<u32>(states, 24);
  let x7 = load<u32>(states, 28);
  let left0: usize = 0;
  let left1: usize = 0;
  let left2: usize = 0;
  let left3: usize = 0;
  let left4: usize = 0;
  let left5: usize = 0;
  let left6: usize = 0;
  let left7: usize = 0;
  let at = at0;
  for (let i: usize = 0; i < width << 3; i += 8) {
    if (at > end) at = end;
    const context = contexts + i;
    const symbol = symbols + i;
    let entry: u32;
    let short: u32;

    entry = slotOf(slots, context, 0, left0, x0);
    store<u8>(symbol, entry as u8, 0);
    left0 = leftOf(entry);
    x0 = advance(entry, x0);
    short = (x0 < LEAST_STATE) as u32;
    x0 = (x0 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 1, left1, x1);
    store<u8>(symbol, entry as u8, 1);
    left1 = leftOf(entry);
    x1 = advance(entry, x1);
    short = (x1 < LEAST_STATE) as u32;
    x1 = (x1 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 2, left2, x2);
    store<u8>(symbol, entry as u8, 2);
    left2 = leftOf(entry);
    x2 = advance(entry, x2);
    short = (x2 < LEAST_STATE) as u32;
    x2 = (x2 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 3, left3, x3);
    store<u8>(symbol, entry as u8, 3);
    left3 = leftOf(entry);
    x3 = advance(entry, x3);
    short = (x3 < LEAST_STATE) as u32;
    x3 = (x3 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 4, left4, x4);
    store<u8>(symbol, entry as u8, 4);
    left4 = leftOf(entry);
    x4 = advance(entry, x4);
    short = (x4 < LEAST_STATE) as u32;
    x4 = (x4 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 5, left5, x5);
    store<u8>(symbol, entry as u8, 5);
    left5 = leftOf(entry);
    x5 = advance(entry, x5);
    short = (x5 < LEAST_STATE) as u32;
    x5 = (x5 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 6, left6, x6);
    store<u8>(symbol, entry as u8, 6);
    left6 = leftOf(entry);
    x6 = advance(entry, x6);
    short = (x6 < LEAST_STATE) as u32;
    x6 = (x6 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;

    entry = slotOf(slots, context, 7, left7, x7);
    store<u8>(symbol, entry as u8, 7);
    left7 = leftOf(entry);
    x7 = advance(entry, x7);
    short = (x7 < LEAST_STATE) as u32;
    x7 = (x7 << (short << 4)) | ((load<u16>(at) as u32) & (0 - short));
    at += (short as usize) << 1;
  }
  store<u32>(states, x0, 0);
  store<u32>(states, x1, 4);
  store<u32>(states, x2, 8);
  store<u32>(states, x3, 12);
  store<u32>(states, x4, 16);
  store<u32>(states, x5, 20);
  store<u32>(states, x6, 24);
  store<u32>(states, x7, 28);
  return at;
}
