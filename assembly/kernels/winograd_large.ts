/**
 * Winograd's F(4×4, 3×3); src/kernels/reference/winograd.ts defines it.
 *
 *   for each channel   V = Bᵀ d B, four tiles at a time; the tiles of several images may share a block
 *   for each ξ of 36   M[ξ] = V[ξ]·U[ξ]: 36 matrix products, some tiles × channels by channels × 8
 *   for each tile      Y = Aᵀ M A + bias, four channels at a time
 *
 * Memory: V: ξ × quads of tiles × channels × 4 tiles; U: ξ × panels × channels × 8; M of a panel: ξ × 16
 * tiles × 8.
 */
import { Target } from "./slide";
import { multiplyPacked, rowBytes, tileLanes } from "./tile";
import { joinHigh, joinLow, loadSome, pairHigh, pairLow, storeSome, storeSomeColumns } from "./vector";
import { layOut, place, Source } from "./window";
import { apart, pitchOfU } from "./winograd_pack";

const points: i32 = 36;
/**
 * The most tiles in a block, the most tiles × channels, and the number of quads of tiles whose M is computed
 * at a time.
 */
const mostTiles: i32 = 64;
const mostElements: i32 = 8192;
const mostQuads: i32 = 4;
/**
 * The place of a tile's outputs: the offset in bytes from the channel's first output, and the number of rows
 * and columns that exist (0 rows for a tile that does not exist).
 */
const placeBytes: usize = 12;
const scratchBytes: i32 = 576;

function tileRowsOf(rows: i32): i32 {
  return (rows + 3) >> 2;
}

/** The number of tile rows in a block. */
function unitsOf(s: Source): i32 {
  return max(1, min(mostTiles, mostElements / s.channels) / (s.columns >> 2));
}

/** The most quads in a block, as each image starts a new quad. */
function quadsOf(s: Source): i32 {
  return unitsOf(s) * (((s.columns >> 2) + 3) >> 2);
}

/** Prepares a source of 3×3 windows: its grid is enlarged to whole tiles, with zeros. */
function layOutTiles(s: Source): void {
  s.columns = ((s.columns + 3) >> 2) << 2;
  s.rows = tileRowsOf(s.rows) << 2;
  layOut(s, 1, true);
  s.blockRows = min(s.rows, unitsOf(s) << 2);
  s.blockHeight = s.blockRows + 2;
  s.planePitch = s.rowPitch * s.blockHeight;
  s.imagePitch = s.planePitch * s.channels;
}

function pitchOfV(s: Source): usize {
  return ((<usize>(quadsOf(s) * s.channels)) << 4) + apart;
}

/**
 * Bytes of M from one point to the next: 16 tiles and some more, so that points do not lie whole pages apart.
 */
const pitchOfM: usize = 704;

/** Workspace: scratch | a row of zeros | places | V | M | copy. */
export function winogradLargeBytes(s: Source): i32 {
  layOutTiles(s);
  const head = scratchBytes + rowBytes + quadsOf(s) * 4 * <i32>placeBytes;
  return head + points * <i32>(pitchOfV(s) + pitchOfM) + <i32>s.imagePitch + 64;
}

/** Computes tile rows [begin, end), counted through the images. */
export function winogradLarge(
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
  const scratch = workspace;
  const zeros = scratch + scratchBytes;
  const places = zeros + rowBytes;
  const v = places + <usize>(quadsOf(s) * 4) * placeBytes;
  const m = v + pitchOfV(s) * points;
  const copy = m + pitchOfM * points;
  memory.fill(zeros, 0, rowBytes);

  const tileRows = s.rows >> 2;
  const across = s.columns >> 2;
  const most = unitsOf(s);
  const panelBytes = (<usize>s.channels) << 5;
  const uPitch = pitchOfU(groups * panels, s.channels);
  const planeBytes = (<usize>(to.H * to.W)) << 2;
  for (let first = begin; first < end; first += most) {
    const last = min(first + most, end);
    for (let g = 0; g < groups; g++) {
      let quads = 0;
      for (let unit = first; unit < last; ) {
        const n = unit / tileRows;
        const row = unit % tileRows;
        const rows = min(last - unit, tileRows - row);
        unit += rows;
        const base = place(copy, s, n, 1, row << 2, rows << 2, g * s.channels);
        const tiles = rows * across;
        for (let tile = 0; tile < tiles; tile += 4, quads++) {
          const to = v + ((<usize>(quads * s.channels)) << 4);
          const end = tiles - 1;
          transformInput(
            to,
            cornerOf(base, s, tile, across),
            cornerOf(base, s, min(tile + 1, end), across),
            cornerOf(base, s, min(tile + 2, end), across),
            cornerOf(base, s, min(tile + 3, end), across),
            s,
            scratch,
          );
        }
        const quad = quads - ((tiles + 3) >> 2);
        const at = places + <usize>(quad * 4) * placeBytes;
        writePlaces(at, to, n, row, tiles, across, rowsInAll, columnsInAll);
      }
      for (let panel = 0; panel < panels; panel++) {
        const channel = g * to.channels + panel * tileLanes;
        const lanes = min(tileLanes, to.channels - panel * tileLanes);
        const bias = to.bias ? to.bias + ((<usize>channel) << 2) : 0;
        const u = packed + panelBytes * (g * panels + panel);
        const y = to.address + planeBytes * channel;
        for (let quad = 0; quad < quads; quad += mostQuads) {
          const some = min(mostQuads, quads - quad);
          multiplyPoints(m, v + ((<usize>(quad * s.channels)) << 4), u, uPitch, s, some, zeros);
          const at = places + <usize>(quad * 4) * placeBytes;
          for (let half = 0; half < lanes; half += 4) {
            const out = y + planeBytes * half;
            const taken = min(4, lanes - half);
            const offset = bias ? loadSome(bias + ((<usize>half) << 2), taken) : f32x4.splat(0);
            const from = m + ((<usize>half) << 2);
            writeTiles(out, to, from, at, some << 2, taken, offset, scratch);
          }
        }
      }
    }
  }
}

function cornerOf(base: usize, s: Source, tile: i32, across: i32): usize {
  return base + s.rowPitch * ((tile / across) << 2) + ((<usize>(tile % across)) << 4);
}

/**
 * Writes the places of the tiles in some tile rows of an image, and of the missing tiles in the last quad.
 */
function writePlaces(
  at: usize,
  to: Target,
  n: i32,
  row: i32,
  tiles: i32,
  across: i32,
  rows: i32,
  columns: i32,
): void {
  for (let tile = 0; tile < ((tiles + 3) & ~3); tile++, at += placeBytes) {
    const p = (row + tile / across) << 2;
    const q = (tile % across) << 2;
    store<u32>(at, ((n * to.imageChannels * to.H + p) * to.W + q) << 2);
    store<i32>(at, tile < tiles ? min(4, rows - p) : 0, 4);
    store<i32>(at, min(4, columns - q), 8);
  }
}

/** V of four tiles, channel by channel. */
function transformInput(v: usize, a: usize, b: usize, c: usize, d: usize, s: Source, scratch: usize): void {
  const pitch = pitchOfV(s);
  for (let channel = 0; channel < s.channels; channel++, v += 16) {
    for (let i: usize = 0; i < 6; i++) {
      const row = s.rowPitch * i;
      spreadRow(scratch + 96 * i, a + row, b + row, c + row, d + row);
    }
    for (let j: usize = 0; j < 6; j++) {
      const from = scratch + (j << 4);
      spread(
        v + pitch * j,
        pitch * 6,
        v128.load(from),
        v128.load(from, 96),
        v128.load(from, 192),
        v128.load(from, 288),
        v128.load(from, 384),
        v128.load(from, 480),
      );
    }
    a += s.planePitch;
    b += s.planePitch;
    c += s.planePitch;
    d += s.planePitch;
  }
}

/** d B for one row of four tiles. */
function spreadRow(to: usize, a: usize, b: usize, c: usize, d: usize): void {
  const x0 = v128.load(a);
  const x1 = v128.load(b);
  const x2 = v128.load(c);
  const x3 = v128.load(d);
  const ab = pairLow(x0, x1);
  const cd = pairLow(x2, x3);
  const ab2 = pairHigh(x0, x1);
  const cd2 = pairHigh(x2, x3);
  const ab3 = pairLow(v128.load64_zero(a, 16), v128.load64_zero(b, 16));
  const cd3 = pairLow(v128.load64_zero(c, 16), v128.load64_zero(d, 16));
  spread(
    to,
    16,
    joinLow(ab, cd),
    joinHigh(ab, cd),
    joinLow(ab2, cd2),
    joinHigh(ab2, cd2),
    joinLow(ab3, cd3),
    joinHigh(ab3, cd3),
  );
}

/** Bᵀ times a column. */
function spread(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128): void {
  const four = f32x4.splat(4);
  const ec = f32x4.sub(e, c);
  const db = f32x4.sub(d, b);
  const even = f32x4.sub(e, f32x4.mul(four, c));
  const odd = f32x4.sub(d, f32x4.mul(four, b));
  const twice = f32x4.add(db, db);
  v128.store(to, f32x4.add(f32x4.mul(four, f32x4.sub(a, c)), ec));
  v128.store(to + pitch, f32x4.add(even, odd));
  v128.store(to + pitch * 2, f32x4.sub(even, odd));
  v128.store(to + pitch * 3, f32x4.add(ec, twice));
  v128.store(to + pitch * 4, f32x4.sub(ec, twice));
  v128.store(to + pitch * 5, f32x4.sub(f32x4.sub(f, d), f32x4.mul(four, db)));
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
  const vPitch = pitchOfV(s);
  for (let point = 0; point < points; point++, u += uPitch, v += vPitch, m += pitchOfM) {
    let a = v;
    let to = m;
    for (let i = 0; i < quads; i++, a += quadPitch, to += 128) {
      multiplyPacked(a, u, 32, s.channels, to, 32, zeros, 0);
    }
  }
}

/** Y of some tiles, in the first `lanes` of 4 channels. */
function writeTiles(
  y: usize,
  planes: Target,
  m: usize,
  at: usize,
  tiles: i32,
  lanes: i32,
  bias: v128,
  scratch: usize,
): void {
  const planePitch = (<usize>(planes.H * planes.W)) << 2;
  const rowPitch = (<usize>planes.W) << 2;
  for (let tile = 0; tile < tiles; tile++, m += 32, at += placeBytes) {
    const rows = load<i32>(at, 4);
    if (rows <= 0) continue;
    const columns = load<i32>(at, 8);
    let from = m;
    for (let j = 0; j < 6; j++, from += pitchOfM) collectColumn(scratch + ((<usize>j) << 4), from);
    let to = y + <usize>load<u32>(at);
    for (let i = 0; i < rows; i++, to += rowPitch) {
      collectRow(to, planePitch, scratch + <usize>(i * 96), bias, lanes, columns);
    }
  }
}

/** Aᵀ times a column of M; the results are 96 bytes apart. */
function collectColumn(to: usize, m: usize): void {
  const down = pitchOfM * 6;
  const m1 = v128.load(m + down);
  const m2 = v128.load(m + down * 2);
  const m3 = v128.load(m + down * 3);
  const m4 = v128.load(m + down * 4);
  const sum = f32x4.add(m1, m2);
  const difference = f32x4.sub(m1, m2);
  const sum2 = f32x4.add(m3, m4);
  const difference2 = f32x4.sub(m3, m4);
  v128.store(to, f32x4.add(f32x4.add(v128.load(m), sum), sum2));
  v128.store(to, f32x4.add(difference, f32x4.add(difference2, difference2)), 96);
  v128.store(to, f32x4.add(sum, f32x4.mul(f32x4.splat(4), sum2)), 192);
  const last = f32x4.add(difference, f32x4.mul(f32x4.splat(8), difference2));
  v128.store(to, f32x4.add(last, v128.load(m + down * 5)), 288);
}

/** A row of Aᵀ M times A, plus bias: up to four neighbouring outputs in the planes of up to 4 channels. */
function collectRow(to: usize, pitch: usize, t: usize, bias: v128, lanes: i32, columns: i32): void {
  const t1 = v128.load(t, 16);
  const t2 = v128.load(t, 32);
  const t3 = v128.load(t, 48);
  const t4 = v128.load(t, 64);
  const sum = f32x4.add(t1, t2);
  const difference = f32x4.sub(t1, t2);
  const sum2 = f32x4.add(t3, t4);
  const difference2 = f32x4.sub(t3, t4);
  const a = f32x4.add(f32x4.add(f32x4.add(v128.load(t), sum), sum2), bias);
  const b = f32x4.add(f32x4.add(difference, f32x4.add(difference2, difference2)), bias);
  const c = f32x4.add(f32x4.add(sum, f32x4.mul(f32x4.splat(4), sum2)), bias);
  const last = f32x4.add(difference, f32x4.mul(f32x4.splat(8), difference2));
  const d = f32x4.add(f32x4.add(last, v128.load(t, 80)), bias);
  if (columns === 4) {
    storeSomeColumns(to, pitch, a, b, c, d, lanes);
    return;
  }
  const ab = pairLow(a, b);
  const cd = pairLow(c, d);
  storeSome(to, joinLow(ab, cd), columns);
  if (lanes > 1) storeSome(to + pitch, joinHigh(ab, cd), columns);
  const ab2 = pairHigh(a, b);
  const cd2 = pairHigh(c, d);
  if (lanes > 2) storeSome(to + pitch * 2, joinLow(ab2, cd2), columns);
  if (lanes > 3) storeSome(to + pitch * 3, joinHigh(ab2, cd2), columns);
}
