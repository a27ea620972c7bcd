/**
 * Winograd's F(2×2, 3×3); src/kernels/reference/winograd.ts defines it.
 *
 *   for each channel   V = Bᵀ d B, four tiles at a time
 *   for each ξ of 16   M[ξ] = V[ξ]·U[ξ]: 16 matrix products, some tiles × channels by channels × 8
 *   for each tile      Y = Aᵀ M A + bias, four channels at a time
 *
 * Memory: V: ξ × quads of tiles × channels × 4 tiles; U: see winograd_pack.ts; M of a panel: ξ × some tiles ×
 * 8.
 */
import { Target } from "./slide";
import { multiplyPacked, rowBytes, tileLanes } from "./tile";
import {
  evens,
  joinHigh,
  joinLow,
  loadSome,
  odds,
  pairHigh,
  pairLow,
  storeSome,
  storeSomeColumns,
} from "./vector";
import { layOut, place, Source } from "./window";
import { apart, pitchOfU } from "./winograd_pack";

const points: i32 = 16;
/** The most tiles × channels in a block: V then takes at most 1 MiB and stays in the L2 cache. */
const mostElements: i32 = 16384;
/** The number of quads of tiles whose M is computed at a time. */
const mostQuads: i32 = 8;

/** The number of tile rows in an image; these are the units. */
function tileRowsOf(rows: i32): i32 {
  return (rows + 1) >> 1;
}

/**
 * Prepares a source of 3×3 windows for blocks of whole quads of tiles: its grid is enlarged to them, with
 * zeros.
 */
function layOutTiles(s: Source): void {
  const columns = s.columns;
  s.columns = ((columns + 7) >> 3) << 3;
  s.rows = tileRowsOf(s.rows) << 1;
  layOut(s, 1, true);
  const mostRows = max(1, mostElements / (s.channels * (s.columns >> 1)));
  s.blockRows = max(2, min(s.blockRows & ~1, mostRows << 1));
  s.blockHeight = s.blockRows + 2;
  s.planePitch = s.rowPitch * s.blockHeight;
  s.imagePitch = s.planePitch * s.channels;
}

function blockTiles(s: Source): i32 {
  return (s.blockRows >> 1) * (s.columns >> 1);
}

/** Bytes of V from one point to the next. */
function pointPitchOf(s: Source): usize {
  return ((<usize>(blockTiles(s) * s.channels)) << 2) + apart;
}

/**
 * The number of tile rows whose M is computed at a time, so that M stays in the L1 cache until the outputs
 * are computed.
 */
function rowsOfM(s: Source): i32 {
  return max(1, mostQuads / (s.columns >> 3));
}

/** Bytes of M from one point to the next. */
function pitchOfM(s: Source): usize {
  return ((<usize>(rowsOfM(s) * (s.columns >> 3))) << 7) + apart;
}

/** Workspace: a row of zeros | V | M | copy. */
export function winogradBytes(s: Source): i32 {
  layOutTiles(s);
  return rowBytes + points * <i32>(pointPitchOf(s) + pitchOfM(s)) + <i32>s.imagePitch + 64;
}

/** Computes tile rows [begin, end), counted through the images. */
export function winograd(
  s: Source,
  to: Target,
  packed: usize,
  groups: i32,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const rowsInAll = s.rows;
  const columnsInAll = s.columns;
  layOutTiles(s);
  const panels = (to.channels + tileLanes - 1) / tileLanes;
  const zeros = workspace;
  const v = zeros + rowBytes;
  const m = v + pointPitchOf(s) * points;
  const copy = m + pitchOfM(s) * points;
  memory.fill(zeros, 0, rowBytes);

  const tileRows = s.rows >> 1;
  const quadsOfRow = s.columns >> 3;
  const quadPitch = (<usize>s.channels) << 4;
  const panelBytes = (<usize>s.channels) << 5;
  const uPitch = pitchOfU(groups * panels, s.channels);
  const some = rowsOfM(s);
  for (let unit = begin; unit < end; ) {
    const n = unit / tileRows;
    const first = unit % tileRows;
    const rows = min(min(s.blockRows >> 1, end - unit), tileRows - first);
    unit += rows;
    for (let g = 0; g < groups; g++) {
      const base = place(copy, s, n, 1, first << 1, rows << 1, g * s.channels);
      transformInput(v, base, s, rows);
      for (let panel = 0; panel < panels; panel++) {
        const channel = g * to.channels + panel * tileLanes;
        const lanes = min(tileLanes, to.channels - panel * tileLanes);
        const bias = to.bias ? to.bias + ((<usize>channel) << 2) : 0;
        const u = packed + panelBytes * (g * panels + panel);
        for (let row = 0; row < rows; row += some) {
          const taken = min(some, rows - row);
          const quad = row * quadsOfRow;
          multiplyPoints(m, v + quadPitch * quad, u, uPitch, s, taken * quadsOfRow, zeros);
          const p = (first + row) << 1;
          const plane = (n * to.imageChannels + channel) * to.H;
          const y = to.address + ((<usize>((plane + p) * to.W)) << 2);
          writeOutputs(y, to, m, s, taken, rowsInAll - p, columnsInAll, lanes, bias);
        }
      }
    }
  }
}

/** V of a block, four tiles at a time, channel by channel, so that the writes fill whole cache lines. */
function transformInput(v: usize, x: usize, s: Source, rows: i32): void {
  const pitch = pointPitchOf(s);
  const down = s.rowPitch;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < s.columns; column += 8) {
      let at = x + down * (row << 1) + ((<usize>column) << 2);
      for (let c = 0; c < s.channels; c++, at += s.planePitch, v += 16) {
        spreadTiles(v, pitch, at, down);
      }
    }
  }
}

/** Bᵀ d B of four tiles side by side, from columns 0 … 9 of four rows. */
function spreadTiles(v: usize, pitch: usize, at: usize, down: usize): void {
  // Each row gives the vectors of columns 0 2 4 6, 1 3 5 7, 2 4 6 8 and 3 5 7 9.
  let low = v128.load(at);
  let high = v128.load(at, 16);
  let last = v128.load64_zero(at, 32);
  let d0 = evens(low, high);
  let d1 = odds(low, high);
  let d2 = v128.shuffle<f32>(d0, last, 1, 2, 3, 4);
  let d3 = v128.shuffle<f32>(d1, last, 1, 2, 3, 5);
  const a0 = f32x4.sub(d0, d2);
  const a1 = f32x4.add(d1, d2);
  const a2 = f32x4.sub(d2, d1);
  const a3 = f32x4.sub(d1, d3);
  at += down;
  low = v128.load(at);
  high = v128.load(at, 16);
  last = v128.load64_zero(at, 32);
  d0 = evens(low, high);
  d1 = odds(low, high);
  d2 = v128.shuffle<f32>(d0, last, 1, 2, 3, 4);
  d3 = v128.shuffle<f32>(d1, last, 1, 2, 3, 5);
  const b0 = f32x4.sub(d0, d2);
  const b1 = f32x4.add(d1, d2);
  const b2 = f32x4.sub(d2, d1);
  const b3 = f32x4.sub(d1, d3);
  at += down;
  low = v128.load(at);
  high = v128.load(at, 16);
  last = v128.load64_zero(at, 32);
  d0 = evens(low, high);
  d1 = odds(low, high);
  d2 = v128.shuffle<f32>(d0, last, 1, 2, 3, 4);
  d3 = v128.shuffle<f32>(d1, last, 1, 2, 3, 5);
  const c0 = f32x4.sub(d0, d2);
  const c1 = f32x4.add(d1, d2);
  const c2 = f32x4.sub(d2, d1);
  const c3 = f32x4.sub(d1, d3);
  at += down;
  low = v128.load(at);
  high = v128.load(at, 16);
  last = v128.load64_zero(at, 32);
  v128.store(v, f32x4.sub(a0, c0));
  v128.store(v + pitch, f32x4.sub(a1, c1));
  v128.store(v + pitch * 2, f32x4.sub(a2, c2));
  v128.store(v + pitch * 3, f32x4.sub(a3, c3));
  v += pitch * 4;
  d0 = evens(low, high);
  d1 = odds(low, high);
  v128.store(v, f32x4.add(b0, c0));
  v128.store(v + pitch, f32x4.add(b1, c1));
  v128.store(v + pitch * 2, f32x4.add(b2, c2));
  v128.store(v + pitch * 3, f32x4.add(b3, c3));
  v += pitch * 4;
  v128.store(v, f32x4.sub(c0, b0));
  v128.store(v + pitch, f32x4.sub(c1, b1));
  v128.store(v + pitch * 2, f32x4.sub(c2, b2));
  v128.store(v + pitch * 3, f32x4.sub(c3, b3));
  v += pitch * 4;
  d2 = v128.shuffle<f32>(d0, last, 1, 2, 3, 4);
  d3 = v128.shuffle<f32>(d1, last, 1, 2, 3, 5);
  v128.store(v, f32x4.sub(b0, f32x4.sub(d0, d2)));
  v128.store(v + pitch, f32x4.sub(b1, f32x4.add(d1, d2)));
  v128.store(v + pitch * 2, f32x4.sub(b2, f32x4.sub(d2, d1)));
  v128.store(v + pitch * 3, f32x4.sub(b3, f32x4.sub(d1, d3)));
}

/**
 * M of a panel: at each point, tiles × channels times channels × 8. The points of U lie `uPitch` bytes apart.
 */
function multiplyPoints(
  m: usize,
  v: usize,
  u: usize,
  uPitch: usize,
  s: Source,
  quads: i32,
  zeros: usize,
): void {
  const quadPitch = (<usize>s.channels) << 4;
  for (let point = 0; point < points; point++, u += uPitch) {
    let a = v + pointPitchOf(s) * point;
    let to = m + pitchOfM(s) * point;
    for (let i = 0; i < quads; i++, a += quadPitch, to += 128) {
      multiplyPacked(a, u, 32, s.channels, to, 32, zeros, 0);
    }
  }
}

/** Y of a panel's tiles: `rows` tile rows, in which `rowsLeft` × `columns` outputs exist. */
function writeOutputs(
  y: usize,
  planes: Target,
  m: usize,
  s: Source,
  rows: i32,
  rowsLeft: i32,
  columns: i32,
  lanes: i32,
  bias: usize,
): void {
  const pitch = (<usize>(planes.H * planes.W)) << 2;
  const pointPitch = pitchOfM(s);
  for (let half = 0; half < lanes; half += 4, y += pitch * 4, m += 16) {
    const some = min(4, lanes - half);
    const offset = bias ? loadSome(bias + ((<usize>half) << 2), some) : f32x4.splat(0);
    let from = m;
    for (let row = 0; row < rows; row++) {
      const to = y + ((<usize>((row << 1) * planes.W)) << 2);
      const tall = rowsLeft - (row << 1) > 1;
      for (let column = 0; column < s.columns; column += 4, from += 64) {
        // Two tiles: 2 rows of 4 outputs.
        const wide = min(4, columns - column);
        if (wide <= 0) continue;
        const at = to + ((<usize>column) << 2);
        writeRow<Upper>(at, pitch, from, pointPitch, offset, some, wide);
        if (tall) writeRow<Lower>(at + ((<usize>planes.W) << 2), pitch, from, pointPitch, offset, some, wide);
      }
    }
  }
}

/**
 * A row of Aᵀ M A + bias of two tiles in 4 channels: up to four neighbouring outputs in the planes of up to 4
 * channels.
 */
function writeRow<Row>(
  to: usize,
  pitch: usize,
  m: usize,
  pointPitch: usize,
  bias: v128,
  lanes: i32,
  wide: i32,
): void {
  const row = changetype<Row>(0);
  const down = pointPitch * 4;
  let m1 = row.of(m + pointPitch, down);
  let m2 = row.of(m + pointPitch * 2, down);
  const a = f32x4.add(f32x4.add(f32x4.add(row.of(m, down), m1), m2), bias);
  const b = f32x4.add(f32x4.sub(f32x4.sub(m1, m2), row.of(m + pointPitch * 3, down)), bias);
  m += 32;
  m1 = row.of(m + pointPitch, down);
  m2 = row.of(m + pointPitch * 2, down);
  const c = f32x4.add(f32x4.add(f32x4.add(row.of(m, down), m1), m2), bias);
  const d = f32x4.add(f32x4.sub(f32x4.sub(m1, m2), row.of(m + pointPitch * 3, down)), bias);
  if (wide === 4) {
    storeSomeColumns(to, pitch, a, b, c, d, lanes);
    return;
  }
  const ab = pairLow(a, b);
  const cd = pairLow(c, d);
  storeSome(to, joinLow(ab, cd), wide);
  if (lanes > 1) storeSome(to + pitch, joinHigh(ab, cd), wide);
  const ab2 = pairHigh(a, b);
  const cd2 = pairHigh(c, d);
  if (lanes > 2) storeSome(to + pitch * 2, joinLow(ab2, cd2), wide);
  if (lanes > 3) storeSome(to + pitch * 3, joinHigh(ab2, cd2), wide);
}

/** The rows of Aᵀ times a column of M, whose elements are `down` bytes apart. */
@unmanaged
class Upper {
  of(m: usize, down: usize): v128 {
    return f32x4.add(f32x4.add(v128.load(m), v128.load(m + down)), v128.load(m + down * 2));
  }
}

@unmanaged
class Lower {
  of(m: usize, down: usize): v128 {
    return f32x4.sub(f32x4.sub(v128.load(m + down), v128.load(m + down * 2)), v128.load(m + down * 3));
  }
}
