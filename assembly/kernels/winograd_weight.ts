/**
 * The weight gradient by Winograd's F(3×3, 2×2); src/kernels/reference/winograd.ts defines it.
 *
 *   for each part of an image, some rows of tiles:
 *     for each channel    V = Bᵀ d B      tile by tile, four input channels at a time
 *     for each panel      D = A δ Aᵀ      tile by tile, eight output channels
 *       for each ξ of 16  M[ξ] = V[ξ]·D[ξ]: 4 input channels × tiles by tiles × 8
 *       for each channel  ∇w += Gᵀ M G    four output channels at a time
 *
 * Memory: copy of x: rows × columns × 4 channels; V: ξ × quads of channels × tiles × 4; D: ξ × tiles × 8; M:
 * quads of channels × ξ × 4 × 8.
 */
import { Conv2dShape, panelsOf } from "./conv2d";
import { multiplyPacked, rowBytes, tileBytes, tileLanes, tileRows } from "./tile";
import { loadSome, storeColumns } from "./vector";
import { addWeights } from "./winograd_fold";
import { apart } from "./winograd_pack";
import { stretchTiles } from "./winograd_stretch";

const points: i32 = 16;
const pointsBytes: usize = 2048;
/** With fewer channels or smaller planes the transforms cost more than they save. */
const leastChannels: i32 = 16;
const leastExtent: i32 = 7;
/**
 * The most tiles in a part, and the most tiles × channels: V then takes at most 1 MiB and stays in the L2
 * cache.
 */
const mostTiles: i32 = 256;
const mostElements: i32 = 16384;

export function suitsWeightWinograd(s: Conv2dShape): bool {
  const wide = min(s.C, s.K) / s.groups >= leastChannels;
  return s.R === 3 && s.S === 3 && s.stride === 1 && wide && min(s.P, s.Q) >= leastExtent;
}

function tilesOf(extent: i32): i32 {
  return (extent + 1) >> 1;
}

/** The number of quads of input channels in a group. */
function quadsOf(s: Conv2dShape): i32 {
  return (s.C / s.groups + tileRows - 1) / tileRows;
}

/** The number of tile rows in a part. */
function partRows(s: Conv2dShape): i32 {
  const tiles = min(mostTiles, mostElements / (s.C / s.groups));
  return max(1, min(tilesOf(s.P), tiles / tilesOf(s.Q)));
}

/** The state of one weight gradient. */
@unmanaged
class Job {
  dw: usize;
  dy: usize;
  x: usize;
  shape: Conv2dShape;
  /** Channels per group. */
  inputs: i32;
  outputs: i32;
  /** The number of quads of input channels, and of panels of output channels. */
  quads: i32;
  panels: i32;
  /**
   * Bytes of a row of the copy; of V and of D from one point to the next; and of V from one quad to the next.
   */
  rowPitch: usize;
  pointV: usize;
  pointD: usize;
  quadPitch: usize;
  // Workspace: a row of zeros, the copy of x, V, D, M.
  zeros: usize;
  copy: usize;
  v: usize;
  d: usize;
  m: usize;
  // The current part.
  image: i32;
  row: i32;
  rows: i32;
  columns: i32;
}

const headBytes: i32 = 128;

function rowPitchOf(s: Conv2dShape): i32 {
  return (2 * tilesOf(s.Q) + 2 + 4) * 16;
}

function copyBytesOf(s: Conv2dShape): i32 {
  return (2 * partRows(s) + 2) * rowPitchOf(s);
}

/** Workspace: job | zeros | copy | V | D | M. */
export function weightWinogradBytes(s: Conv2dShape): i32 {
  const tiles = partRows(s) * tilesOf(s.Q);
  const quads = quadsOf(s);
  return (
    headBytes +
    rowBytes +
    copyBytesOf(s) +
    points * (tiles * (quads * 16 + 32) + 2 * <i32>apart) +
    quads * <i32>pointsBytes
  );
}

/**
 * The number of units: panels of 8 output channels × quads of input channels, group by group. The weights of
 * a range of units then lie together; threads that alternated within a row of weights would contend for its
 * cache lines.
 */
export function weightWinogradUnits(s: Conv2dShape): i32 {
  return s.groups * quadsOf(s) * panelsOf(s.K / s.groups);
}

/** Computes units [begin, end) over all images. */
export function weightWinograd(
  dw: usize,
  dy: usize,
  x: usize,
  s: Conv2dShape,
  accumulate: bool,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const job = start(dy, x, s, workspace);
  const each = job.quads * job.panels;
  job.dw = dw;
  for (let unit = begin; unit < end; ) {
    const group = unit / each;
    const first = unit - group * each;
    const last = min(end - group * each, each);
    unit = group * each + last;
    if (!accumulate) clear(job, group, first, last);
    for (let n = 0; n < s.N; n++) addImage(job, n, group, first, last);
  }
}

/** Bytes of the weight gradient of one image if an image is one part; otherwise 0. */
export function weightWinogradImageBytes(s: Conv2dShape): i32 {
  return partRows(s) === tilesOf(s.P) ? (s.K * s.C * 36) / s.groups : 0;
}

/**
 * Adds the images before `first` to the weight gradient directly. The gradient of each image from `first` on
 * is stored, to be added later in the order of the images.
 */
export function weightWinogradImages(
  dw: usize,
  gradients: usize,
  first: i32,
  dy: usize,
  x: usize,
  s: Conv2dShape,
  accumulate: bool,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const job = start(dy, x, s, workspace);
  const bytes = weightWinogradImageBytes(s);
  job.dw = dw;
  if (begin === 0 && !accumulate) memory.fill(dw, 0, bytes);
  for (let n = begin; n < end; n++) {
    if (begin > 0) {
      job.dw = gradients + <usize>((n - first) * bytes);
      // Adding to −0 leaves every number as it is, including its sign.
      for (let at = job.dw; at < job.dw + bytes; at += 4) store<f32>(at, -0.0);
    }
    for (let group = 0; group < s.groups; group++) addImage(job, n, group, 0, job.quads * job.panels);
  }
}

function start(dy: usize, x: usize, s: Conv2dShape, workspace: usize): Job {
  const job = changetype<Job>(workspace);
  job.dy = dy;
  job.x = x;
  job.shape = s;
  job.inputs = s.C / s.groups;
  job.outputs = s.K / s.groups;
  job.quads = quadsOf(s);
  job.panels = panelsOf(job.outputs);
  job.columns = tilesOf(s.Q);
  job.rowPitch = rowPitchOf(s);
  job.quadPitch = (<usize>(partRows(s) * job.columns)) << 4;
  job.pointV = job.quadPitch * job.quads + apart;
  job.pointD = job.quadPitch * 2 + apart;
  job.zeros = workspace + headBytes;
  job.copy = job.zeros + rowBytes;
  job.v = job.copy + copyBytesOf(s);
  job.d = job.v + job.pointV * points;
  job.m = job.d + job.pointD * points;
  memory.fill(job.zeros, 0, rowBytes);
  return job;
}

/** Adds an image's products to units [first, last) of a group, part by part. */
function addImage(job: Job, n: i32, group: i32, first: i32, last: i32): void {
  const tileRows = tilesOf(job.shape.P);
  const most = partRows(job.shape);
  job.image = n;
  for (job.row = 0; job.row < tileRows; job.row += most) {
    job.rows = min(most, tileRows - job.row);
    addPart(job, group, first, last);
  }
}

/** Clears the weights of units: 4 · 9 neighbouring weights in each of 8 rows per unit. */
function clear(job: Job, group: i32, first: i32, last: i32): void {
  const quads = job.quads;
  for (let unit = first; unit < last; unit++) {
    const c = (unit % quads) * tileRows;
    const firstK = (unit / quads) * tileLanes;
    const bytes = <usize>(36 * min(tileRows, job.inputs - c));
    for (let k = firstK; k < min(firstK + tileLanes, job.outputs); k++) {
      memory.fill(job.dw + weightAt(job, group * job.outputs + k, c), 0, bytes);
    }
  }
}

function weightAt(job: Job, k: i32, c: i32): usize {
  return <usize>((k * job.inputs + c) * 36);
}

/** Adds a part's products to units [first, last) of a group. */
function addPart(job: Job, group: i32, first: i32, last: i32): void {
  const quads = job.quads;
  const tiles = job.rows * job.columns;
  const firstPanel = first / quads;
  const lastPanel = (last - 1) / quads + 1;
  const onePanel = lastPanel - firstPanel === 1;
  const firstQuad = onePanel ? first - firstPanel * quads : 0;
  const lastQuad = onePanel ? last - firstPanel * quads : quads;
  for (let quad = firstQuad; quad < lastQuad; quad++) {
    const c = quad * tileRows;
    copyQuad(job, group * job.inputs + c, min(tileRows, job.inputs - c));
    transformInput(job, job.v + job.quadPitch * quad);
  }
  for (let panel = firstPanel; panel < lastPanel; panel++) {
    const from = max(first - panel * quads, 0);
    const to = min(last - panel * quads, quads);
    const k = panel * tileLanes;
    const lanes = min(tileLanes, job.outputs - k);
    transformGradient(job, group * job.outputs + k, lanes);
    for (let point = 0; point < points; point++) {
      const d = job.d + job.pointD * point;
      let v = job.v + job.pointV * point + job.quadPitch * from;
      let m = job.m + pointsBytes * from + tileBytes * point;
      for (let quad = from; quad < to; quad++, v += job.quadPitch, m += pointsBytes) {
        multiplyPacked(v, d, 32, tiles, m, 32, job.zeros, 0);
      }
    }
    for (let quad = from; quad < to; quad++) {
      const c = quad * tileRows;
      for (let i = 0; i < min(tileRows, job.inputs - c); i++) {
        const m = job.m + pointsBytes * quad + rowBytes * i;
        const weights = job.dw + weightAt(job, group * job.outputs + k, c + i);
        addWeights(weights, job.inputs * 36, m, min(4, lanes));
        if (lanes > 4) addWeights(weights + job.inputs * 144, job.inputs * 36, m + 16, lanes - 4);
      }
    }
  }
}

/**
 * Copies the rows of four planes of x that the part's tiles need, with the four channels side by side and 0
 * outside; the first plane is `channel`.
 */
function copyQuad(job: Job, channel: i32, lanes: i32): void {
  const s = job.shape;
  const top = 2 * job.row - s.padding;
  const pitch = (<usize>(s.H * s.W)) << 2;
  const plane = job.x + pitch * (job.image * s.C + channel);
  const width = 2 * job.columns + 2;
  let to = job.copy;
  for (let h = top; h < top + 2 * job.rows + 2; h++, to += job.rowPitch) {
    if (h < 0 || h >= s.H) {
      memory.fill(to, 0, (<usize>width) << 4);
      continue;
    }
    memory.fill(to, 0, (<usize>s.padding) << 4);
    const row = plane + ((<usize>(h * s.W)) << 2);
    const at = to + ((<usize>s.padding) << 4);
    let w = 0;
    for (; w + 4 <= s.W; w += 4)
      turnColumns(at + ((<usize>w) << 4), row + ((<usize>w) << 2), pitch, 4, lanes);
    if (w < s.W) turnColumns(at + ((<usize>w) << 4), row + ((<usize>w) << 2), pitch, s.W - w, lanes);
    const filled = s.padding + s.W;
    if (filled < width) memory.fill(to + ((<usize>filled) << 4), 0, (<usize>(width - filled)) << 4);
  }
}

/** Transposes four columns of up to four planes; `count` of the columns are loaded from memory. */
function turnColumns(to: usize, from: usize, pitch: usize, count: i32, lanes: i32): void {
  const zero = f32x4.splat(0);
  const a = loadSome(from, count);
  const b = lanes > 1 ? loadSome(from + pitch, count) : zero;
  const c = lanes > 2 ? loadSome(from + pitch * 2, count) : zero;
  const d = lanes > 3 ? loadSome(from + pitch * 3, count) : zero;
  storeColumns(to, 16, a, b, c, d);
}

/** V of the copied quad of channels. */
function transformInput(job: Job, v: usize): void {
  const pitch = job.pointV;
  for (let row = 0; row < job.rows; row++) {
    let at = job.copy + job.rowPitch * (2 * row);
    for (let column = 0; column < job.columns; column++, at += 32, v += 16) {
      spreadColumn<Across0>(v, pitch, at, job.rowPitch);
      spreadColumn<Across1>(v + pitch, pitch, at, job.rowPitch);
      spreadColumn<Across2>(v + pitch * 2, pitch, at, job.rowPitch);
      spreadColumn<Across3>(v + pitch * 3, pitch, at, job.rowPitch);
    }
  }
}

/** Bᵀ times a column of d B; `Across` computes the elements of that column from rows of d. */
function spreadColumn<Across>(v: usize, pitch: usize, at: usize, rowPitch: usize): void {
  const across = changetype<Across>(0);
  const a = across.of(at);
  const b = across.of(at + rowPitch);
  const c = across.of(at + rowPitch * 2);
  const d = across.of(at + rowPitch * 3);
  v128.store(v, f32x4.sub(a, c));
  v128.store(v + pitch * 4, f32x4.add(b, c));
  v128.store(v + pitch * 8, f32x4.sub(c, b));
  v128.store(v + pitch * 12, f32x4.sub(b, d));
}

@unmanaged
class Across0 {
  of(d: usize): v128 {
    return f32x4.sub(v128.load(d), v128.load(d, 32));
  }
}
@unmanaged
class Across1 {
  of(d: usize): v128 {
    return f32x4.add(v128.load(d, 16), v128.load(d, 32));
  }
}
@unmanaged
class Across2 {
  of(d: usize): v128 {
    return f32x4.sub(v128.load(d, 32), v128.load(d, 16));
  }
}
@unmanaged
class Across3 {
  of(d: usize): v128 {
    return f32x4.sub(v128.load(d, 16), v128.load(d, 48));
  }
}

/** D of the part and a panel of `lanes` channels from k on; elements outside δ are 0. */
function transformGradient(job: Job, k: i32, lanes: i32): void {
  const s = job.shape;
  const pitch = (<usize>(s.P * s.Q)) << 2;
  const plane = job.dy + pitch * (job.image * s.K + k);
  for (let row = 0; row < job.rows; row++) {
    const p = 2 * (job.row + row);
    const below = p + 1 < s.P ? (<usize>s.Q) << 2 : 0;
    let from = plane + ((<usize>(p * s.Q)) << 2);
    let to = job.d + ((<usize>(row * job.columns)) << 5);
    for (let q = 0; q < s.Q; q += 4, from += 16, to += 64) {
      const count = min(4, s.Q - q);
      stretchTiles(to, job.pointD, from, pitch, below, count, lanes);
      stretchTiles(to + 16, job.pointD, from + pitch * 4, pitch, below, count, lanes - 4);
    }
  }
}
