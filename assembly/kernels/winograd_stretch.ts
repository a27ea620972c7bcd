/** D = A δ Aᵀ of tiles of output gradients, for Winograd's weight gradient. */
import { joinHigh, joinLow, loadSome, pairHigh, pairLow } from "./vector";

/**
 * A δ Aᵀ, rows first, of two tiles in the first `lanes` of four channels, from `count` columns of two rows.
 * The second row lies `below` bytes after the first one; it does not exist if `below` is 0.
 */
export function stretchTiles(
  to: usize,
  pitch: usize,
  from: usize,
  planePitch: usize,
  below: usize,
  count: i32,
  lanes: i32,
): void {
  const zero = f32x4.splat(0);
  let x0 = zero;
  let x1 = zero;
  let x2 = zero;
  let x3 = zero;
  let y0 = zero;
  let y1 = zero;
  let y2 = zero;
  let y3 = zero;
  if (lanes >= 4 && count === 4) {
    x0 = v128.load(from);
    x1 = v128.load(from + planePitch);
    x2 = v128.load(from + planePitch * 2);
    x3 = v128.load(from + planePitch * 3);
    if (below) {
      from += below;
      y0 = v128.load(from);
      y1 = v128.load(from + planePitch);
      y2 = v128.load(from + planePitch * 2);
      y3 = v128.load(from + planePitch * 3);
    }
  } else {
    if (lanes > 0) x0 = loadSome(from, count);
    if (lanes > 1) x1 = loadSome(from + planePitch, count);
    if (lanes > 2) x2 = loadSome(from + planePitch * 2, count);
    if (lanes > 3) x3 = loadSome(from + planePitch * 3, count);
    if (below) {
      from += below;
      if (lanes > 0) y0 = loadSome(from, count);
      if (lanes > 1) y1 = loadSome(from + planePitch, count);
      if (lanes > 2) y2 = loadSome(from + planePitch * 2, count);
      if (lanes > 3) y3 = loadSome(from + planePitch * 3, count);
    }
  }
  let ab = pairLow(x0, x1);
  let cd = pairLow(x2, x3);
  let ef = pairLow(y0, y1);
  let gh = pairLow(y2, y3);
  stretchTile(to, pitch, joinLow(ab, cd), joinHigh(ab, cd), joinLow(ef, gh), joinHigh(ef, gh));
  if (count < 3) return;
  ab = pairHigh(x0, x1);
  cd = pairHigh(x2, x3);
  ef = pairHigh(y0, y1);
  gh = pairHigh(y2, y3);
  stretchTile(to + 32, pitch, joinLow(ab, cd), joinHigh(ab, cd), joinLow(ef, gh), joinHigh(ef, gh));
}

/** A δ Aᵀ of δ = | a b | c d |. */
function stretchTile(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128): void {
  stretchColumn(to, pitch * 4, a, c);
  stretchColumn(to + pitch, pitch * 4, f32x4.add(a, b), f32x4.add(c, d));
  stretchColumn(to + pitch * 2, pitch * 4, f32x4.sub(a, b), f32x4.sub(c, d));
  stretchColumn(to + pitch * 3, pitch * 4, f32x4.neg(b), f32x4.neg(d));
}

/** A times a column. */
function stretchColumn(to: usize, pitch: usize, a: v128, b: v128): void {
  v128.store(to, a);
  v128.store(to + pitch, f32x4.add(a, b));
  v128.store(to + pitch * 2, f32x4.sub(a, b));
  v128.store(to + pitch * 3, f32x4.neg(b));
}
