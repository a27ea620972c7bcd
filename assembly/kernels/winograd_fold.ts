/**
 * The last step of Winograd's weight gradient: from the products at 16 points, `tileBytes` apart, to 9
 * weights.
 */
import { tileBytes } from "./tile";
import { joinHigh, joinLow, pairHigh, pairLow } from "./vector";

/**
 * ∇w += Gᵀ M G of one input channel and up to 4 output channels, whose 9 weights are `pitch` bytes apart.
 * Columns come first, then rows; then taps 0–3 and 4–7 are transposed to one vector per output channel.
 */
export function addWeights(weights: usize, pitch: usize, m: usize, lanes: i32): void {
  const half = f32x4.splat(0.5);
  const a0 = m;
  const a1 = m + tileBytes;
  const a2 = m + tileBytes * 2;
  const a3 = m + tileBytes * 3;
  const t0 = foldUpper(a0, half);
  const t1 = foldUpper(a1, half);
  const t2 = foldUpper(a2, half);
  const t3 = foldUpper(a3, half);
  const w0 = upper(t0, t1, t2, half);
  const w1 = middle(t1, t2, half);
  const w2 = upper(t3, t1, t2, half);
  const u0 = foldMiddle(a0, half);
  const u1 = foldMiddle(a1, half);
  const u2 = foldMiddle(a2, half);
  const u3 = foldMiddle(a3, half);
  const w3 = upper(u0, u1, u2, half);
  addColumns(weights, pitch, w0, w1, w2, w3, lanes);
  const w4 = middle(u1, u2, half);
  const w5 = upper(u3, u1, u2, half);
  const v0 = foldLower(a0, half);
  const v1 = foldLower(a1, half);
  const v2 = foldLower(a2, half);
  const v3 = foldLower(a3, half);
  const w6 = upper(v0, v1, v2, half);
  const w7 = middle(v1, v2, half);
  addColumns(weights + 16, pitch, w4, w5, w6, w7, lanes);
  const w8 = upper(v3, v1, v2, half);
  addLane(weights + 32, f32x4.extract_lane(w8, 0));
  if (lanes > 1) addLane(weights + 32 + pitch, f32x4.extract_lane(w8, 1));
  if (lanes > 2) addLane(weights + 32 + pitch * 2, f32x4.extract_lane(w8, 2));
  if (lanes > 3) addLane(weights + 32 + pitch * 3, f32x4.extract_lane(w8, 3));
}

/** An outer element of Gᵀ times a column: end + ½(b + c). */
function upper(end: v128, b: v128, c: v128, half: v128): v128 {
  return f32x4.add(end, f32x4.mul(half, f32x4.add(b, c)));
}

/** The middle element of Gᵀ times a column: ½(b − c). */
function middle(b: v128, c: v128, half: v128): v128 {
  return f32x4.mul(half, f32x4.sub(b, c));
}

function foldUpper(m: usize, half: v128): v128 {
  return upper(v128.load(m), v128.load(m, 512), v128.load(m, 1024), half);
}

function foldMiddle(m: usize, half: v128): v128 {
  return middle(v128.load(m, 512), v128.load(m, 1024), half);
}

function foldLower(m: usize, half: v128): v128 {
  return upper(v128.load(m, 1536), v128.load(m, 512), v128.load(m, 1024), half);
}

/** Adds four columns to the rows of a matrix, in the first `lanes` rows. */
function addColumns(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128, lanes: i32): void {
  const low = pairLow(a, b);
  const low2 = pairLow(c, d);
  addTo(to, joinLow(low, low2));
  if (lanes > 1) addTo(to + pitch, joinHigh(low, low2));
  const high = pairHigh(a, b);
  const high2 = pairHigh(c, d);
  if (lanes > 2) addTo(to + pitch * 2, joinLow(high, high2));
  if (lanes > 3) addTo(to + pitch * 3, joinHigh(high, high2));
}

function addTo(to: usize, x: v128): void {
  v128.store(to, f32x4.add(v128.load(to), x));
}

function addLane(to: usize, x: f32): void {
  store<f32>(to, load<f32>(to) + x);
}
