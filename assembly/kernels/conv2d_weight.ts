/**
 * The weight gradient of a convolution.
 *
 *   tile:  4 window elements (c, r, s)  ×  8 output channels
 *   chain: over the outputs (n, p, q): x is read at the output's window + tap, dy from a packed panel
 *
 * A group with few output channels uses taps as lanes instead: see narrow.ts. Large 3×3 convolutions use
 * Winograd's transforms: see winograd_weight.ts.
 */
import { Conv2dShape, forwardSource } from "./conv2d";
import { fewChannels, firstTapOf, multiplyTaps, tapsIn, tapVectors } from "./narrow";
import { packSteps } from "./pack";
import {
  multiplyPlanes,
  multiplyRows,
  readPlanes,
  rowBytes,
  startRow,
  tileBytes,
  tileLanes,
  tileRows,
  writePlanes,
} from "./tile";
import { loadSome, storeSome } from "./vector";
import { copyBytes, layOut, place, Source, writeTaps, writeWindows } from "./window";
import {
  suitsWeightWinograd,
  weightWinograd,
  weightWinogradBytes,
  weightWinogradImageBytes,
  weightWinogradImages,
  weightWinogradUnits,
} from "./winograd_weight";

/** The state of one weight gradient. */
@unmanaged
class Job {
  dw: usize;
  dy: usize;
  shape: Conv2dShape;
  source: Source;
  /** Window elements per weight, and outputs per block. */
  depth: i32;
  outputs: i32;
  /** Output channels per group, and panels of 8 of them. */
  channels: i32;
  panels: i32;
  // Workspace: a tile, the start of its chains, places of a tile's rows, tables, a panel of dy, the copied
  // source.
  acc: usize;
  start: usize;
  places: usize;
  taps: usize;
  windows: usize;
  panelDy: usize;
  copy: usize;
  // The current block.
  image: i32;
  images: i32;
  row: i32;
  rows: i32;
  fresh: bool;
}

const headBytes: i32 = 512;
const jobOffset: usize = 256;

/**
 * True if a group has few channels. The lanes of taps may then read a little beyond a row, which only a copy
 * permits.
 */
function isNarrow(s: Conv2dShape): bool {
  return s.K / s.groups <= fewChannels;
}

function layOutSource(source: Source, x: usize, s: Conv2dShape): void {
  forwardSource(source, x, s);
  layOut(source, s.N, isNarrow(s));
}

/**
 * Workspace: source, job | acc | its start | places | taps | windows | panel of dy | copy. `room` has space
 * for a Source.
 */
export function conv2dWeightGradientWorkspace(shape: usize, room: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  if (suitsWeightWinograd(s)) return weightWinogradBytes(s);
  const source = changetype<Source>(room);
  layOutSource(source, 0, s);
  const outputs = source.images * source.blockRows * source.columns;
  const taps = source.channels * source.R * source.S;
  return headBytes + tileBytes + rowBytes + 16 + taps * 4 + outputs * (4 + 32) + copyBytes(source);
}

/**
 * The number of units: tiles of taps × panels of output channels; for narrow groups, quadruples of tap
 * vectors × groups; or Winograd's units.
 */
export function conv2dWeightGradientUnits(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  if (suitsWeightWinograd(s)) return weightWinogradUnits(s);
  const channels = s.K / s.groups;
  const panels = (channels + tileLanes - 1) / tileLanes;
  return s.groups * panels * tilesOf(s);
}

/** The number of units per panel. */
function tilesOf(s: Conv2dShape): i32 {
  const inputs = s.C / s.groups;
  const rows = isNarrow(s) ? inputs * tapVectors(s.R, s.S) : inputs * s.R * s.S;
  return (rows + tileRows - 1) / tileRows;
}

export function conv2dWeightGradient(
  dw: usize,
  dy: usize,
  x: usize,
  shape: usize,
  accumulate: bool,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  if (suitsWeightWinograd(s)) {
    weightWinograd(dw, dy, x, s, accumulate, begin, end, workspace);
    return;
  }
  const source = changetype<Source>(workspace);
  const job = changetype<Job>(workspace + jobOffset);
  layOutSource(source, x, s);
  const block = source.images * source.blockRows * source.columns;
  job.dw = dw;
  job.dy = dy;
  job.shape = s;
  job.source = source;
  job.depth = source.channels * source.R * source.S;
  job.channels = s.K / s.groups;
  job.panels = (job.channels + tileLanes - 1) / tileLanes;
  job.acc = workspace + headBytes;
  job.start = job.acc + tileBytes;
  job.places = job.start + rowBytes;
  job.taps = job.places + 16;
  job.windows = job.taps + ((<usize>job.depth) << 2);
  job.panelDy = job.windows + ((<usize>block) << 2);
  job.copy = job.panelDy + ((<usize>block) << 5);
  v128.store(job.places, i32x4(0, 4, 8, 12));
  startRow(job.start, 0, tileLanes);
  writeTaps(job.taps, source, false);
  writeWindows(job.windows, source);
  for (let n = 0; n < s.N; n += source.images) {
    job.image = n;
    job.images = min(source.images, s.N - n);
    for (let row = 0; row < s.P; row += source.blockRows) {
      job.row = row;
      job.rows = min(source.blockRows, s.P - row);
      job.outputs = job.rows * s.Q;
      job.fresh = !accumulate && n === 0 && row === 0;
      addBlock(job, begin, end);
    }
  }
}

/** Bytes of the weight gradient of one image; 0 if images are not summed separately. */
export function conv2dWeightGradientImageBytes(shape: usize, room: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  return suitsWeightWinograd(s) ? weightWinogradImageBytes(s) : 0;
}

/**
 * The gradients of images, for convolutions that sum each image separately. Images before `first` are added
 * to dw directly; each image from `first` on is stored in `gradients`. Units: images; one call takes all
 * images before `first`.
 */
export function conv2dWeightGradientImages(
  dw: usize,
  gradients: usize,
  first: i32,
  dy: usize,
  x: usize,
  shape: usize,
  accumulate: bool,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  weightWinogradImages(dw, gradients, first, dy, x, s, accumulate, begin, end, workspace);
}

/** Adds the stored gradients of the images to dw, in their order. Units: elements, from a multiple of 4. */
export function conv2dWeightGradientSum(
  dw: usize,
  gradients: usize,
  images: i32,
  count: i32,
  begin: i32,
  end: i32,
): void {
  const pitch = (<usize>count) << 2;
  for (let i = begin; i < end; i += 4) {
    const left = end - i;
    const at = (<usize>i) << 2;
    let sum = loadSome(dw + at, left);
    let from = gradients + at;
    for (let n = 0; n < images; n++, from += pitch) sum = f32x4.add(sum, loadSome(from, left));
    storeSome(dw + at, sum, left);
  }
}

/** Adds the products of a block of outputs to units [begin, end). */
function addBlock(job: Job, begin: i32, end: i32): void {
  const tiles = tilesOf(job.shape);
  const narrow = isNarrow(job.shape);
  let base: usize = 0;
  let placed = -1;
  for (let unit = begin; unit < end; ) {
    const panel = unit / tiles;
    const stop = min(end, (panel + 1) * tiles);
    const group = panel / job.panels;
    if (group !== placed) {
      const channel = group * job.source.channels;
      base = place(job.copy, job.source, job.image, job.images, job.row, job.rows, channel);
      placed = group;
    }
    if (narrow) addTaps(job, base, group, unit % tiles, (unit % tiles) + stop - unit);
    else addTiles(job, base, panel, unit % tiles, (unit % tiles) + stop - unit);
    unit = stop;
  }
}

function addTiles(job: Job, base: usize, panel: i32, begin: i32, end: i32): void {
  const plane = job.shape.P * job.shape.Q;
  const firstK = (panel % job.panels) * tileLanes;
  const lanes = min(tileLanes, job.channels - firstK);
  const k = (panel / job.panels) * job.channels + firstK;
  const pitch = (<usize>job.depth) << 2;
  const count = job.images * job.outputs;
  for (let image = 0; image < job.images; image++) {
    const from = ((job.image + image) * job.shape.K + k) * plane + job.row * job.shape.Q;
    const to = job.panelDy + ((<usize>(image * job.outputs)) << 5);
    packSteps(to, job.dy + ((<usize>from) << 2), (<usize>plane) << 2, job.outputs, lanes, tileLanes);
  }
  for (let tile = begin; tile < end; tile++) {
    const l = tile * tileRows;
    const tall = min(tileRows, job.depth - l);
    const tap = job.taps + ((<usize>l) << 2);
    const to = job.dw + pitch * k + ((<usize>l) << 2);
    const a0 = base + <usize>load<u32>(tap);
    const a1 = base + <usize>load<u32>(tap + (tall > 1 ? 4 : 0));
    const a2 = base + <usize>load<u32>(tap + (tall > 2 ? 8 : 0));
    const a3 = base + <usize>load<u32>(tap + (tall > 3 ? 12 : 0));
    if (tall === tileRows && (lanes === tileLanes || job.fresh)) {
      const start = job.fresh ? job.start : 0;
      multiplyPlanes(a0, a1, a2, a3, job.windows, job.panelDy, count, to, pitch, start, lanes);
      continue;
    }
    if (!job.fresh) readPlanes(job.acc, to, pitch, job.places, tall, lanes);
    const first = job.fresh ? job.start : job.acc;
    const firstPitch = job.fresh ? 0 : 32;
    multiplyRows(a0, a1, a2, a3, job.windows, job.panelDy, 32, count, job.acc, 32, first, firstPitch);
    writePlanes(job.acc, to, pitch, job.places, tall, lanes, true);
  }
}

/** Computes quadruples of tap vectors, for each of the group's few channels. */
function addTaps(job: Job, base: usize, group: i32, begin: i32, end: i32): void {
  const s = job.shape;
  const plane = s.P * s.Q;
  const vectors = job.source.channels * tapVectors(s.R, s.S);
  for (let k = group * job.channels; k < (group + 1) * job.channels; k++) {
    const dw = job.dw + ((<usize>(k * job.depth)) << 2);
    for (let tile = begin; tile < end; tile++) {
      const first = tile * tileRows;
      const tall = min(tileRows, vectors - first);
      for (let i = 0; i < tall; i++) {
        const v = first + i;
        const from = dw + ((<usize>firstTapOf(v, s.S)) << 2);
        const sum = job.acc + ((<usize>i) << 4);
        v128.store(sum, job.fresh ? f32x4.splat(0) : loadSome(from, tapsIn(v, s.S)));
      }
      const a0 = base + tapAt(job, first);
      const a1 = base + tapAt(job, first + min(1, tall - 1));
      const a2 = base + tapAt(job, first + min(2, tall - 1));
      const a3 = base + tapAt(job, first + min(3, tall - 1));
      for (let image = 0; image < job.images; image++) {
        const from = ((job.image + image) * s.K + k) * plane + job.row * s.Q;
        const windows = job.windows + ((<usize>(image * job.outputs)) << 2);
        multiplyTaps(a0, a1, a2, a3, windows, job.dy + ((<usize>from) << 2), job.outputs, job.acc);
      }
      for (let i = 0; i < tall; i++) {
        const v = first + i;
        const to = dw + ((<usize>firstTapOf(v, s.S)) << 2);
        storeSome(to, v128.load(job.acc + ((<usize>i) << 4)), tapsIn(v, s.S));
      }
    }
  }
}

/** The offset of vector v's first tap in a window. */
function tapAt(job: Job, v: i32): usize {
  return <usize>load<u32>(job.taps + ((<usize>firstTapOf(v, job.shape.S)) << 2));
}
