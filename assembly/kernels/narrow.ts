/**
 * Products for groups with few output channels, as in depthwise convolution. Lanes filled with channels would
 * be partly empty, so the lanes here are neighbours in a row.
 *
 *   windows:  y[q … q+3]        += w[tap] · x[window of q … q+3, at tap]     one channel, 16 or 4 windows of a row
 *   pairs:    as above for two channels and 16 windows, which share the values read from x
 *   taps:     dw[s … s+3] (r,c) += dy[p,q] · x[window of (p,q), at s … s+3]  one channel, 4 rows of taps
 *
 * The chains have the same order as in every other convolution.
 */
import { plusProduct } from "./product";
import { gather, storeSome } from "./vector";

/** The most channels of a panel that count as few: with those, 8 lanes of channels would take longer. */
export const fewChannels: i32 = 2;
/** A row with fewer windows than this does not fill a vector. */
export const leastColumns: i32 = 4;

/** True if pairs of channels and rows of 16 windows leave fewer lanes empty than panels of 8 channels. */
export function suitsPairs(channels: i32, columns: i32): bool {
  const some = channels < 8 && columns > 12;
  return some && ((channels + 1) & ~1) * ((columns + 15) & ~15) < 8 * columns;
}

/**
 * Computes one row of outputs of one channel. `from` is the first window, and the next one lies `step` floats
 * further. `weights` holds one weight every 32 bytes, as packed. Outputs are `stride` floats apart.
 */
export function multiplyWindows(
  from: usize,
  step: i32,
  taps: usize,
  weights: usize,
  depth: i32,
  bias: v128,
  to: usize,
  stride: i32,
  columns: i32,
): void {
  let q = 0;
  for (; q + 16 <= columns; q += 16) {
    const x = from + ((<usize>(q * step)) << 2);
    const group = (<usize>step) << 4;
    let c0 = bias;
    let c1 = bias;
    let c2 = bias;
    let c3 = bias;
    for (let l = 0; l < depth; l++) {
      const at = x + <usize>load<u32>(taps + ((<usize>l) << 2));
      const w = v128.load32_splat(weights + ((<usize>l) << 5));
      c0 = plusProduct(c0, gather(at, step), w);
      c1 = plusProduct(c1, gather(at + group, step), w);
      c2 = plusProduct(c2, gather(at + group * 2, step), w);
      c3 = plusProduct(c3, gather(at + group * 3, step), w);
    }
    const y = to + ((<usize>(q * stride)) << 2);
    const apart = (<usize>stride) << 4;
    scatter(y, stride, c0);
    scatter(y + apart, stride, c1);
    scatter(y + apart * 2, stride, c2);
    scatter(y + apart * 3, stride, c3);
  }
  while (q < columns) {
    // The last four windows may be computed twice; they give the same chains again.
    q = min(q, columns - 4);
    const x = from + ((<usize>(q * step)) << 2);
    let sum = bias;
    for (let l = 0; l < depth; l++) {
      const at = x + <usize>load<u32>(taps + ((<usize>l) << 2));
      sum = plusProduct(sum, gather(at, step), v128.load32_splat(weights + ((<usize>l) << 5)));
    }
    scatter(to + ((<usize>(q * stride)) << 2), stride, sum);
    q += 4;
  }
}

/**
 * Computes one row of at least 13 outputs, for two channels in planes `pitch` bytes apart; the second channel
 * need not exist. Windows and outputs are neighbours. With fewer than 16 windows, up to 3 floats beyond the
 * last one are read. Of the window's `taps` elements in each of `sources` channels, only [first, last) are
 * added. The two chains begin at `starts`.
 */
export function multiplyPairs(
  from: usize,
  places: usize,
  weights: usize,
  sources: i32,
  taps: i32,
  first: i32,
  last: i32,
  starts: usize,
  to: usize,
  pitch: usize,
  both: bool,
  columns: i32,
): void {
  const placesEnd = places + ((<usize>(sources * taps)) << 2);
  for (let q = 0; q < columns; q += 16) {
    // The last 16 windows may overlap those before; they give the same chains again.
    const shift = (<usize>max(0, min(q, columns - 16))) << 2;
    let a0 = v128.load32_splat(starts);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = v128.load32_splat(starts, 4);
    let b1 = b0;
    let b2 = b0;
    let b3 = b0;
    let w = weights;
    for (let p = places; p < placesEnd; p += (<usize>taps) << 2, w += (<usize>taps) << 5) {
      const end = p + ((<usize>last) << 2);
      let v = w + ((<usize>first) << 5);
      for (let at = p + ((<usize>first) << 2); at < end; at += 4, v += 32) {
        const window = from + shift + <usize>load<u32>(at);
        const wa = v128.load32_splat(v);
        const wb = v128.load32_splat(v, 4);
        let x = v128.load(window);
        a0 = plusProduct(a0, x, wa);
        b0 = plusProduct(b0, x, wb);
        x = v128.load(window, 16);
        a1 = plusProduct(a1, x, wa);
        b1 = plusProduct(b1, x, wb);
        x = v128.load(window, 32);
        a2 = plusProduct(a2, x, wa);
        b2 = plusProduct(b2, x, wb);
        x = v128.load(window, 48);
        a3 = plusProduct(a3, x, wa);
        b3 = plusProduct(b3, x, wb);
      }
    }
    storeRow(to + shift, a0, a1, a2, a3, columns);
    if (both) storeRow(to + shift + pitch, b0, b1, b2, b3, columns);
  }
}

/** Stores the first `count` of 16 values, at least 13. */
function storeRow(to: usize, a: v128, b: v128, c: v128, d: v128, count: i32): void {
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  storeSome(to + 48, d, count - 12);
}

function scatter(to: usize, stride: i32, x: v128): void {
  if (stride === 1) {
    v128.store(to, x);
    return;
  }
  const pitch = (<usize>stride) << 2;
  v128.store_lane<u32>(to, x, 0);
  v128.store_lane<u32>(to + pitch, x, 1);
  v128.store_lane<u32>(to + pitch * 2, x, 2);
  v128.store_lane<u32>(to + pitch * 3, x, 3);
}

/**
 * Computes four rows of up to four taps each: sums[i][s] += dy[l] · x[a_i + window of l + s]. `windows` is
 * the table of the outputs' windows; `dy` holds their gradients without gaps.
 */
export function multiplyTaps(
  a0: usize,
  a1: usize,
  a2: usize,
  a3: usize,
  windows: usize,
  dy: usize,
  count: i32,
  sums: usize,
): void {
  let c0 = v128.load(sums);
  let c1 = v128.load(sums, 16);
  let c2 = v128.load(sums, 32);
  let c3 = v128.load(sums, 48);
  for (; count > 0; count--) {
    const at = <usize>load<u32>(windows);
    const gradient = v128.load32_splat(dy);
    c0 = plusProduct(c0, v128.load(a0 + at), gradient);
    c1 = plusProduct(c1, v128.load(a1 + at), gradient);
    c2 = plusProduct(c2, v128.load(a2 + at), gradient);
    c3 = plusProduct(c3, v128.load(a3 + at), gradient);
    windows += 4;
    dy += 4;
  }
  v128.store(sums, c0);
  v128.store(sums, c1, 16);
  v128.store(sums, c2, 32);
  v128.store(sums, c3, 48);
}

/** The number of tap vectors in a channel: its rows are cut into pieces of 4. */
export function tapVectors(R: i32, S: i32): i32 {
  return R * ((S + 3) >> 2);
}

/** The first tap of vector v, counted through channels and rows. */
export function firstTapOf(v: i32, S: i32): i32 {
  const pieces = (S + 3) >> 2;
  return (v / pieces) * S + ((v % pieces) << 2);
}

/** The number of taps in vector v. */
export function tapsIn(v: i32, S: i32): i32 {
  return min(4, S - ((v % ((S + 3) >> 2)) << 2));
}
