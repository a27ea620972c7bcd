/** What Winograd's ways with tiles of 2 × 2 and of 4 × 4 outputs share: how the grid is cut into blocks, and the products. */
import { multiplyPacked } from "./tile";
import { layOut, WindowSource } from "./window";

/** Tile rows of an image, whose tiles have `side` × `side` outputs: the units of work. */
export function tileRowsOf(rows: i32, side: i32): i32 {
  return (rows + side - 1) / side;
}

/** Prepares a source of 3×3 windows for whole tiles: its grid grows to `rows` × `columns` outputs, with zeros. */
export function growGrid(s: WindowSource, rows: i32, columns: i32): void {
  s.rows = rows;
  s.columns = columns;
  layOut(s, 1, true);
}

/** Cuts the grid into blocks of `rows` rows of outputs. */
export function cutBlocks(s: WindowSource, rows: i32): void {
  s.blockRows = rows;
  s.blockHeight = rows + 2;
  s.planePitch = s.rowPitch * s.blockHeight;
  s.imagePitch = s.planePitch * s.channels;
}

/**
 * M of a panel: at each of `points` points, tiles × channels times channels × 8. The points of V, U and M lie `vPitch`,
 * `uPitch` and `mPitch` bytes apart.
 */
export function multiplyPoints(
  points: i32,
  m: usize,
  mPitch: usize,
  v: usize,
  vPitch: usize,
  u: usize,
  uPitch: usize,
  channels: i32,
  quads: i32,
  zeros: usize,
): void {
  const quadPitch = (<usize>channels) << 4;
  for (let point = 0; point < points; point++, u += uPitch, v += vPitch, m += mPitch) {
    let a = v;
    let to = m;
    for (let i = 0; i < quads; i++, a += quadPitch, to += 128) {
      multiplyPacked(a, u, 32, channels, to, 32, zeros, 0);
    }
  }
}
