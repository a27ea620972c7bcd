// Fast mode's chunks with a mask: a hole has the value that is predicted for it and no residual. It is rare, and the
// integers are handled one by one. src/codec/fast/chunk.ts defines the bytes.
import { checkedFour } from "./checked";
import { mix } from "./checksum";
import { further, turnOf } from "./dither";
import { isOne } from "./mask";
import { UNSIGNED } from "./predict";
import { magicOf } from "./quantize";
import { HOLES, PACKED, Q, settings } from "./scratch";
import { integerAt, SPARSE } from "./survey";

const ESCAPED: i32 = -0x80000000;

/** Writes the 32-bit integers of n values to Q from position `at0` on, 0 for holes, and the holes' bits to HOLES. */
export function quantizeHoles(x: usize, n: usize, at0: usize, scratch: usize, first: u32): void {
  const s = settings(scratch);
  const magic = magicOf(scratch);
  const four = further(4, scratch);
  let turn = turnOf(first + (at0 as u32), mix(s.seed));
  for (let i: usize = 0; i < n; i += 4) {
    // This loop is compiled once for all quantisers, because it is rare.
    const integer = checkedFour(v128.load(x + i * 4), turn, magic, s, scratch, s.quantizer);
    turn = i32x4.add(turn, four);
    const bad = i32x4.eq(integer, i32x4.splat(ESCAPED));
    const at = at0 + i;
    v128.store(scratch + Q + at * 4, v128.andnot(integer, bad));
    const bits = i32x4.bitmask(bad) as u32;
    const to = scratch + HOLES + (at >> 3);
    store<u8>(to, at & 4 ? (load<u8>(to) as u32) | (bits << 4) : bits);
  }
}

// @inline
function isHole(i: usize, scratch: usize): bool {
  return isOne(scratch + HOLES, i);
}

// @inline
function putInteger(q: usize, i: usize, value: i32, wide: bool): void {
  if (wide) store<i32>(q + i * 4, value);
  else store<i16>(q + i * 2, value);
}

/** Fills each hole with the 32-bit integer before it, and those at the start with the first one. */
export function fillHoles(n: usize, scratch: usize): void {
  const q = scratch + Q;
  let last: i32 = 0;
  for (let i: usize = 0; i < n; i++) {
    if (isHole(i, scratch)) continue;
    last = load<i32>(q + i * 4);
    break;
  }
  for (let i: usize = 0; i < n; i++) {
    if (isHole(i, scratch)) store<i32>(q + i * 4, last);
    else last = load<i32>(q + i * 4);
  }
}

/** Sets the integers of holes to 0. */
export function clearHoles(n: usize, wide: bool, scratch: usize): void {
  const q = scratch + Q;
  for (let i: usize = 0; i < n; i++) if (isHole(i, scratch)) putInteger(q, i, 0, wide);
}

/** The value that `form` predicts for integer i; `lag` counts integers. */
// @inline
function expectedAt(q: usize, i: usize, lag: usize, wide: bool, form: u32): i32 {
  if (form === 1) return integerAt(q, i - 1, wide);
  if (form === 2) return integerAt(q, i - lag, wide);
  if (form !== 3) return 0;
  return integerAt(q, i - 1, wide) + integerAt(q, i - lag, wide) - integerAt(q, i - lag - 1, wide);
}

/** Fills the holes before integer `end` anew, from the last to the first: with the mean of the two neighbours. */
function refillBefore(q: usize, end: usize, wide: bool, scratch: usize): void {
  for (let i = end; i > 0 && isHole(i - 1, scratch); i--) {
    const right = integerAt(q, i, wide);
    let sum = i > 1 ? integerAt(q, i - 2, wide) + right : 0;
    if (!wide) sum = (sum << 16) >> 16;
    putInteger(q, i - 1, i > 1 ? sum >> 1 : right, wide);
  }
}

/** Predicts n integers at Q and writes the residuals of those that are no holes to PACKED. Returns their number. */
export function foldBridged(n: usize, lag: usize, wide: bool, form: u32, scratch: usize): usize {
  const q = scratch + Q;
  const packed = scratch + PACKED;
  const rows = form === 2 || form === 3;
  let count: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    const expected = expectedAt(q, i, lag, wide, form);
    if (isHole(i, scratch)) {
      putInteger(q, i, expected, wide);
      continue;
    }
    let r = integerAt(q, i, wide) - expected;
    if (!wide) r = (r << 16) >> 16;
    if (form !== UNSIGNED) r = (r << 1) ^ (r >> 31);
    putInteger(packed, count, r, wide);
    count++;
    if (rows) refillBefore(q, i, wide, scratch);
  }
  memory.fill(packed + count * (wide ? 4 : 2), 0, 256);
  return count;
}

// @inline
function foldedAt(packed: usize, k: usize, wide: bool): u32 {
  return wide ? load<u32>(packed + k * 4) : (load<u16>(packed + k * 2) as u32);
}

/** The form with the fewest bits: SPARSE, SPARSE + 1 or one of predict.ts. `none` is UNSIGNED if no integer is negative. */
export function chooseBridged(n: usize, lag: usize, wide: bool, none: u32, scratch: usize): u32 {
  const packed = scratch + PACKED;
  let best: u32 = 0xffffffff;
  let form = none;
  let sparse: u32 = 0;
  for (let predictor: u32 = 0; predictor < (lag > 0 ? 4 : 2); predictor++) {
    const count = foldBridged(n, lag, wide, predictor === 0 ? none : predictor, scratch);
    let cost: u32 = 0;
    let lifted: u32 = 0;
    let some: u32 = 0;
    for (let b: usize = 0; b < count; b += 64) {
      const end = min(count, b + 64);
      let all: u32 = 0;
      for (let k = b; k < end; k++) {
        const u = foldedAt(packed, k, wide);
        all |= u;
        if (u === 0) continue;
        lifted |= u - 1;
        some++;
      }
      cost += ((end - b) as u32) * (32 - clz(all));
    }
    if (predictor === 0) sparse = (n as u32) + some * (32 - clz(lifted));
    if (cost >= best) continue;
    best = cost;
    form = predictor === 0 ? none : predictor;
  }
  return sparse < best ? SPARSE + (none === UNSIGNED ? 1 : 0) : form;
}

/** The inverse of foldBridged. */
export function restoreBridged(n: usize, lag: usize, wide: bool, form: u32, scratch: usize): void {
  const q = scratch + Q;
  const packed = scratch + PACKED;
  const rows = form === 2 || form === 3;
  let count: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    const expected = expectedAt(q, i, lag, wide, form);
    if (isHole(i, scratch)) {
      putInteger(q, i, expected, wide);
      continue;
    }
    const u = foldedAt(packed, count++, wide);
    putInteger(q, i, expected + (form === UNSIGNED ? (u as i32) : ((u >> 1) as i32) ^ -((u & 1) as i32)), wide);
    if (rows) refillBefore(q, i, wide, scratch);
  }
}
