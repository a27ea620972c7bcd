/**
 * Winograd's F(2×2, 3×3); what is computed stands in src/kernels/reference/winograd.ts.
 *
 *   for each channel   V = Bᵀ d B, four tiles at a time
 *   for each ξ of 16   M[ξ] = V[ξ]·U[ξ]: 16 matrix products, tiles × channels by channels × 8
 *   for each tile      Y = Aᵀ M A + bias, four channels at a time
 *
 * Memory: V: ξ × quads of tiles × channels × 4 tiles; U: ξ × panels × channels × 8; M of a panel: ξ × tiles × 8.
 */
import { packSteps } from "./pack";
import { Target } from "./slide";
import { multiplyPacked, rowBytes, tileLanes } from "./tile";
import { evens, odds, storeColumns } from "./vector";
import { layOut, place, Source } from "./window";

/** Fewer channels than this are not worth the transforms. */
const leastChannels: i32 = 16;
export const points: i32 = 16;
/**
 * What lies between the points, beside their elements. A tile's 16 are written in one go: where they lie whole pages apart,
 * as many shapes would have it, they are in the same sets of the L1 cache and drive each other out.
 */
export const apart: usize = 192;
/** Tiles × channels of a block: V is then at most 1 MiB and stays in the L2 cache. */
const mostElements: i32 = 16384;

export function suitsWinograd(
  R: i32,
  S: i32,
  stride: i32,
  inputs: i32,
  outputs: i32,
  rows: i32,
  columns: i32,
): bool {
  const wide = inputs >= leastChannels && outputs >= leastChannels;
  return R === 3 && S === 3 && stride === 1 && wide && rows >= 4 && columns >= 4;
}

/** Tile rows of an image: the units. */
export function tileRowsOf(rows: i32): i32 {
  return (rows + 1) >> 1;
}

/** Prepares a source of 3×3 windows for blocks of whole quads of tiles: its grid grows to them, with zeros. */
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

/** Bytes of V from a point to the next. */
function pointPitchOf(s: Source): usize {
  return ((<usize>(blockTiles(s) * s.channels)) << 2) + apart;
}

/** Workspace: scratch (256) | a row of zeros | V | M | copy. */
export function winogradBytes(s: Source): i32 {
  layOutTiles(s);
  const tiles = blockTiles(s);
  const v = points * (tiles * s.channels * 4 + <i32>apart);
  return 256 + rowBytes + v + points * (tiles * 32 + <i32>apart) + <i32>s.imagePitch + 64;
}

/** Bytes of the packed weights. */
export function winogradPackedBytes(groups: i32, inputs: i32, outputs: i32): i32 {
  return groups * ((outputs + tileLanes - 1) / tileLanes) * inputs * points * 32;
}

/**
 * U of panel `unit` (counted through the groups): weight (lane, c) is at `from` + lane·lanePitch + c·channelPitch,
 * `turned` by half a turn for the input gradient. `scratch`: 9 × 8 floats.
 */
export function winogradPack(
  packed: usize,
  unit: i32,
  panels: i32,
  from: usize,
  lanePitch: usize,
  channelPitch: usize,
  inputs: i32,
  lanes: i32,
  turned: bool,
  scratch: usize,
): void {
  const pointPitch = (<usize>(panels * inputs)) << 5;
  let to = packed + ((<usize>(unit * inputs)) << 5);
  const first = turned ? scratch + 256 : scratch;
  const step = <usize>(turned ? -32 : 32);
  for (let c = 0; c < inputs; c++, to += 32, from += channelPitch) {
    packSteps(scratch, from, lanePitch, 9, lanes, tileLanes);
    transformWeights(to, pointPitch, first, step);
    transformWeights(to + 16, pointPitch, first + 16, step);
  }
}

/** U = G g Gᵀ of 4 lanes; the elements of g are `step` bytes apart, row by row. */
function transformWeights(to: usize, pitch: usize, g: usize, step: usize): void {
  const half = f32x4.splat(0.5);
  for (let i = 0; i < 4; i++) {
    const a = halfTransform(g, step * 3, i);
    const b = halfTransform(g + step, step * 3, i);
    const c = halfTransform(g + step * 2, step * 3, i);
    const row = to + pitch * (i << 2);
    const ends = f32x4.add(a, c);
    v128.store(row, a);
    v128.store(row + pitch, f32x4.mul(half, f32x4.add(ends, b)));
    v128.store(row + pitch * 2, f32x4.mul(half, f32x4.sub(ends, b)));
    v128.store(row + pitch * 3, c);
  }
}

/** Element i of G · (a column of g, its elements `down` bytes apart). */
function halfTransform(g: usize, down: usize, i: i32): v128 {
  if (i === 0) return v128.load(g);
  if (i === 3) return v128.load(g + down * 2);
  const ends = f32x4.add(v128.load(g), v128.load(g + down * 2));
  const middle = v128.load(g + down);
  return f32x4.mul(f32x4.splat(0.5), i === 1 ? f32x4.add(ends, middle) : f32x4.sub(ends, middle));
}

/** Tile rows [begin, end), counted through the images. */
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
  const tiles = blockTiles(s);
  const panels = (to.channels + tileLanes - 1) / tileLanes;
  const scratch = workspace;
  const zeros = scratch + 256;
  const v = zeros + rowBytes;
  const m = v + pointPitchOf(s) * points;
  const copy = m + (((<usize>tiles) << 5) + apart) * points;
  memory.fill(zeros, 0, rowBytes);

  const tileRows = s.rows >> 1;
  for (let unit = begin; unit < end; ) {
    const n = unit / tileRows;
    const first = unit % tileRows;
    const rows = min(min(s.blockRows >> 1, end - unit), tileRows - first);
    unit += rows;
    const quads = rows * (s.columns >> 3);
    for (let g = 0; g < groups; g++) {
      const base = place(copy, s, n, 1, first << 1, rows << 1, g * s.channels);
      for (let c = 0; c < s.channels; c++) {
        transformInput(v + ((<usize>c) << 4), base + s.planePitch * c, s, rows, scratch);
      }
      for (let panel = 0; panel < panels; panel++) {
        const channel = g * to.channels + panel * tileLanes;
        const lanes = min(tileLanes, to.channels - panel * tileLanes);
        multiplyPoints(m, v, packed, g * panels + panel, groups * panels, s, quads, zeros);
        const plane = (n * to.imageChannels + channel) * to.H;
        const y = to.address + ((<usize>((plane + (first << 1)) * to.W)) << 2);
        const bias = to.bias ? to.bias + ((<usize>channel) << 2) : 0;
        writeOutputs(y, to, m, s, rows, rowsInAll - (first << 1), columnsInAll, lanes, bias, scratch);
      }
    }
  }
}

/** V of one channel, four tiles at a time: `v` is where its first vector goes. */
function transformInput(v: usize, x: usize, s: Source, rows: i32, scratch: usize): void {
  const quadPitch = (<usize>s.channels) << 4;
  const pointPitch = pointPitchOf(s);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < s.columns; column += 8, v += quadPitch) {
      const at = x + s.rowPitch * (row << 1) + ((<usize>column) << 2);
      for (let i = 0; i < 4; i++) transformRow(scratch + ((<usize>i) << 6), at + s.rowPitch * i);
      for (let j = 0; j < 4; j++) {
        const from = scratch + ((<usize>j) << 4);
        const t1 = v128.load(from, 64);
        const t2 = v128.load(from, 128);
        const to = v + pointPitch * j;
        v128.store(to, f32x4.sub(v128.load(from), t2));
        v128.store(to + pointPitch * 4, f32x4.add(t1, t2));
        v128.store(to + pointPitch * 8, f32x4.sub(t2, t1));
        v128.store(to + pointPitch * 12, f32x4.sub(t1, v128.load(from, 192)));
      }
    }
  }
}

/** d B for one row: from x0 … x9, the four columns of four tiles. */
function transformRow(to: usize, x: usize): void {
  const low = v128.load(x);
  const high = v128.load(x, 16);
  const last = v128.load64_zero(x, 32);
  const d0 = evens(low, high);
  const d1 = odds(low, high);
  const d2 = v128.shuffle<f32>(d0, last, 1, 2, 3, 4);
  const d3 = v128.shuffle<f32>(d1, last, 1, 2, 3, 5);
  v128.store(to, f32x4.sub(d0, d2));
  v128.store(to, f32x4.add(d1, d2), 16);
  v128.store(to, f32x4.sub(d2, d1), 32);
  v128.store(to, f32x4.sub(d1, d3), 48);
}

/** M of a panel: at each point, tiles × channels times channels × 8. */
function multiplyPoints(
  m: usize,
  v: usize,
  packed: usize,
  panel: i32,
  panels: i32,
  s: Source,
  quads: i32,
  zeros: usize,
): void {
  const quadPitch = (<usize>s.channels) << 4;
  const blockQuads = blockTiles(s) >> 2;
  for (let point = 0; point < points; point++) {
    const u = packed + ((<usize>((point * panels + panel) * s.channels)) << 5);
    let a = v + pointPitchOf(s) * point;
    let to = m + (((<usize>blockQuads) << 7) + apart) * point;
    for (let i = 0; i < quads; i++, a += quadPitch, to += 128) {
      multiplyPacked(a, u, 32, s.channels, to, 32, zeros, 0);
    }
  }
}

/** Y of a panel's tiles: `rows` tile rows, of which `rowsLeft` × `columns` outputs exist. */
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
  scratch: usize,
): void {
  const pitch = (<usize>(planes.H * planes.W)) << 2;
  const pointPitch = ((<usize>blockTiles(s)) << 5) + apart;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < s.columns; column += 4, m += 64) {
      // Two tiles: 2 rows of 4 outputs.
      const tall = min(2, rowsLeft - (row << 1));
      const wide = min(4, columns - column);
      if (wide <= 0) continue;
      const to = y + ((<usize>((row << 1) * planes.W + column)) << 2);
      for (let half = 0; half < lanes; half += 4) {
        const from = m + ((<usize>half) << 2);
        const out = to + pitch * half;
        const some = min(4, lanes - half);
        const offset = bias ? someBias(bias + ((<usize>half) << 2), some) : f32x4.splat(0);
        transformOutput(scratch, from, pointPitch, offset);
        transformOutput(scratch + 32, from + 32, pointPitch, offset);
        writeRow(out, pitch, scratch, some, wide);
        if (tall > 1) writeRow(out + ((<usize>planes.W) << 2), pitch, scratch + 64, some, wide);
      }
    }
  }
}

function someBias(bias: usize, count: i32): v128 {
  if (count === 4) return v128.load(bias);
  let b = v128.load32_zero(bias);
  if (count > 1) b = v128.load_lane<u32>(bias + 4, b, 1);
  return count > 2 ? v128.load_lane<u32>(bias + 8, b, 2) : b;
}

/** Aᵀ M A + bias of one tile, 4 channels: outputs (0,0) (0,1) to `to`, (1,0) (1,1) 64 bytes behind. */
function transformOutput(to: usize, m: usize, pitch: usize, bias: v128): void {
  const down = pitch * 4;
  const upper0 = upper(m, down);
  const upper1 = upper(m + pitch, down);
  const upper2 = upper(m + pitch * 2, down);
  const upper3 = upper(m + pitch * 3, down);
  const lower0 = lower(m, down);
  const lower1 = lower(m + pitch, down);
  const lower2 = lower(m + pitch * 2, down);
  const lower3 = lower(m + pitch * 3, down);
  v128.store(to, f32x4.add(f32x4.add(f32x4.add(upper0, upper1), upper2), bias));
  v128.store(to, f32x4.add(f32x4.sub(f32x4.sub(upper1, upper2), upper3), bias), 16);
  v128.store(to, f32x4.add(f32x4.add(f32x4.add(lower0, lower1), lower2), bias), 64);
  v128.store(to, f32x4.add(f32x4.sub(f32x4.sub(lower1, lower2), lower3), bias), 80);
}

/** Rows of Aᵀ times a column of M, whose elements are `down` bytes apart. */
function upper(m: usize, down: usize): v128 {
  return f32x4.add(f32x4.add(v128.load(m), v128.load(m + down)), v128.load(m + down * 2));
}

function lower(m: usize, down: usize): v128 {
  return f32x4.sub(f32x4.sub(v128.load(m + down), v128.load(m + down * 2)), v128.load(m + down * 3));
}

/** Four neighbouring outputs of up to 4 channels, to their planes. */
function writeRow(to: usize, pitch: usize, from: usize, lanes: i32, wide: i32): void {
  if (lanes === 4 && wide === 4) {
    storeColumns(to, pitch, v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
    return;
  }
  for (let lane = 0; lane < lanes; lane++, to += pitch, from += 4) {
    for (let i = 0; i < wide; i++) {
      store<u32>(to + ((<usize>i) << 2), load<u32>(from + ((<usize>i) << 4)));
    }
  }
}
