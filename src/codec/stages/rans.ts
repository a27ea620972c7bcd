/**
 * An entropy coder (rANS): the frequencies of each context, scaled so that they sum to 2^11, their bytes in a
 * frame, and the coder itself.
 *
 *   encode  x ← ⌊x/f⌋·2^11 + x mod f + start        decode  slot = x mod 2^11;  x ← f·⌊x/2^11⌋ + slot − start
 *
 * Eight coders, one per lane, share one sequence of 16-bit words. A state stays in [2^16, 2^32): before a
 * step that would overflow, the encoder writes its low half out, and the decoder reads it back in the
 * mirrored step. The encoder runs from the last symbol to the first, so that the decoder runs forwards.
 *
 * proofs: Rans.decode_encode, Rans.state_range, Rans.lookup_start
 */
import { FrameError } from "../../error.js";
import type { ByteReader, ByteWriter } from "../bytes.js";

export const contexts = 16;
export const symbols = 256;
/** The symbol of integers that have no code; their own value is stored elsewhere. */
export const escapeSymbol = 255;
export const totalBits = 11;
const total = 1 << totalBits;
export const leastState = 0x10000;

/**
 * For each context: the largest symbol with a code, and the frequencies of symbols 0 … top and of the escape.
 */
export interface Tables {
  top: Uint8Array;
  /** contexts × symbols. */
  frequency: Uint16Array;
}

/**
 * log2 of a whole number from 1 to 2^32 − 1, accurate to about 1e-4. It uses only basic IEEE operations, so
 * that every JavaScript engine makes the same choices.
 */
export function log2(x: number): number {
  const exponent = 31 - Math.clz32(x);
  const m = x / 2 ** exponent;
  const t = (m - 1) / (m + 1);
  const t2 = t * t;
  return exponent + 2.8853900817779268 * t * (1 + t2 * (1 / 3 + t2 * (1 / 5 + t2 / 7)));
}

/** n·log2 n of small n. The table makes the choice of a model about 8 % faster than log2 alone. */
const weights = Float64Array.from({ length: 4096 }, (_, n) => (n > 1 ? n * log2(n) : 0));

const weigh = (n: number): number => (n < weights.length ? weights[n]! : n * log2(n));

/** The bits that the counted symbols would take at their own frequencies, plus an estimate for the tables. */
export function costOf(counts: Uint32Array): number {
  let bits = 0;
  for (let c = 0; c < contexts; c++) {
    let sum = 0;
    let weighted = 0;
    let kinds = 0;
    for (let s = c * symbols; s < (c + 1) * symbols; s++) {
      const count = counts[s]!;
      if (count === 0) continue;
      sum += count;
      weighted += weigh(count);
      kinds++;
    }
    if (sum > 0) bits += weigh(sum) - weighted + 6 * kinds;
  }
  return bits;
}

/** Scales counts to frequencies. Every symbol up to the largest counted one gets at least 1, and so does the escape. */
export function tablesOf(counts: Uint32Array): Tables {
  const top = new Uint8Array(contexts);
  const frequency = new Uint16Array(contexts * symbols);
  for (let c = 0; c < contexts; c++) {
    const own = counts.subarray(c * symbols, (c + 1) * symbols);
    const f = frequency.subarray(c * symbols, (c + 1) * symbols);
    let largest = 0;
    for (let s = 0; s < escapeSymbol; s++) if (own[s]! > 0) largest = s;
    top[c] = largest;
    let sum = own[escapeSymbol]!;
    for (let s = 0; s <= largest; s++) sum += own[s]!;
    const room = total - (largest + 2);
    const share = (count: number) => 1 + (sum > 0 ? Math.floor((count * room) / sum) : 0);
    let used = 0;
    let most = 0;
    for (let s = 0; s <= largest; s++) {
      f[s] = share(own[s]!);
      used += f[s]!;
      if (f[s]! > f[most]!) most = s;
    }
    f[escapeSymbol] = share(own[escapeSymbol]!);
    used += f[escapeSymbol]!;
    if (f[escapeSymbol]! > f[most]!) most = escapeSymbol;
    // The most frequent symbol takes the remainder left by rounding.
    f[most]! += total - used;
  }
  return { top, frequency };
}

/** Writes the tables in Elias gamma code: ⌊log2 f⌋ zeros, then f from its highest bit on. */
export function writeTables(out: ByteWriter, { top, frequency }: Tables): void {
  let held = 0;
  let count = 0;
  /** `held` keeps at most 23 bits; whole bytes are written out, highest bits first. */
  const put = (bits: number, length: number) => {
    held = (held << length) | bits;
    for (count += length; count >= 8; count -= 8) out.u8((held >>> (count - 8)) & 255);
    held &= (1 << count) - 1;
  };
  for (let c = 0; c < contexts; c++) {
    put(top[c]!, 8);
    // The escape's frequency is not stored: it makes the sum 2^11.
    for (let s = 0; s <= top[c]!; s++) {
      const f = frequency[c * symbols + s]!;
      // ⌊log2 f⌋ zeros and the ⌊log2 f⌋ + 1 bits of f are 63 − 2·clz32(f) bits.
      put(f, 63 - 2 * Math.clz32(f));
    }
  }
  if (count > 0) put(0, 8 - count);
}

export function readTables(input: ByteReader): Tables {
  const top = new Uint8Array(contexts);
  const frequency = new Uint16Array(contexts * symbols);
  const { bytes, at: from } = input;
  const end = 8 * (bytes.length - from);
  /** Index of the next bit. */
  let at = 0;
  const fail = (got: string): never => {
    throw new FrameError({
      where: "tables",
      expected: `frequencies with sum ${total}`,
      got,
      remedy: "encode the tensor again: these bytes are damaged",
    });
  };
  /** Throws the error of a frame that ends too soon if fewer than `count` bits are left. */
  const need = (count: number) => {
    if (at + count <= end) return;
    input.take(bytes.length - from, "tables");
    input.u8("tables");
  };
  /** The next 24 bits, the first one highest; zeros after the last byte. */
  const ahead = () => {
    const k = from + (at >>> 3);
    const word = (bytes[k]! << 24) | (bytes[k + 1]! << 16) | (bytes[k + 2]! << 8) | bytes[k + 3]!;
    return (word << (at & 7)) >>> 8;
  };
  for (let c = 0; c < contexts; c++) {
    need(8);
    top[c] = ahead() >>> 16;
    at += 8;
    if (top[c] === escapeSymbol) fail("the escape symbol among the others");
    let sum = 0;
    for (let s = 0; s <= top[c]!; s++) {
      const window = ahead();
      const zeros = Math.clz32(window) - 8;
      if (zeros > totalBits) {
        need(totalBits + 1);
        fail("a larger frequency");
      }
      need(2 * zeros + 1);
      const f = window >>> (23 - 2 * zeros);
      frequency[c * symbols + s] = f;
      sum += f;
      at += 2 * zeros + 1;
    }
    if (sum >= total) fail(String(sum));
    frequency[c * symbols + escapeSymbol] = total - sum;
  }
  input.take(Math.ceil(at / 8), "tables");
  return { top, frequency };
}

/** start[c][s]: what the symbols before s take of context c's 2^11 slots; the escape comes last. */
export function startsOf({ top, frequency }: Tables): Uint16Array {
  const start = new Uint16Array(contexts * symbols);
  for (let c = 0; c < contexts; c++) {
    let sum = 0;
    for (let s = 0; s <= top[c]!; s++) {
      start[c * symbols + s] = sum;
      sum += frequency[c * symbols + s]!;
    }
    start[c * symbols + escapeSymbol] = sum;
  }
  return start;
}

/** In place of a context: the symbol is not coded, because the mask says that its value is a hole. */
export const noContext = 255;

/** The words and the final states of a segment's symbols; symbol i belongs to lane i mod 8. */
export function encodeSymbols(
  coded: Uint8Array,
  context: Uint8Array,
  tables: Tables,
): { words: number[]; states: number[] } {
  const start = startsOf(tables);
  const words: number[] = [];
  const states = new Array<number>(8).fill(leastState);
  for (let i = coded.length - 1; i >= 0; i--) {
    if (context[i] === noContext) continue;
    const entry = context[i]! * symbols + coded[i]!;
    const f = tables.frequency[entry]!;
    let x = states[i & 7]!;
    if (x >= f * 2 ** 21) {
      words.push(x & 0xffff);
      x >>>= 16;
    }
    states[i & 7] = Math.floor(x / f) * total + (x % f) + start[entry]!;
  }
  return { words: words.reverse(), states };
}

/** One decoder over a segment's words; `next(i, context)` gives symbol i. Words behind the last are 0. */
export function decoderOf(words: Uint16Array, states: Uint32Array, tables: Tables) {
  const start = startsOf(tables);
  const slots = new Uint8Array(contexts * total);
  for (let c = 0; c < contexts; c++) {
    for (const s of [...Array(tables.top[c]! + 1).keys(), escapeSymbol]) {
      const from = c * total + start[c * symbols + s]!;
      slots.fill(s, from, from + tables.frequency[c * symbols + s]!);
    }
  }
  let at = 0;
  return {
    next(i: number, context: number): number {
      const x = states[i & 7]!;
      const slot = x & (total - 1);
      const s = slots[context * total + slot]!;
      const entry = context * symbols + s;
      let after = tables.frequency[entry]! * (x >>> totalBits) + slot - start[entry]!;
      if (after < leastState) after = after * 65536 + (words[at++] ?? 0);
      states[i & 7] = after;
      return s;
    },
    /** All words are used, and each state is where its encoder began. */
    finished: () => at === words.length && states.every((x) => x === leastState),
  };
}
