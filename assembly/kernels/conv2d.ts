/**
 * Convolution forward and its input gradient: both slide a window over a source and multiply by packed weights.
 *
 *   tile:  4 outputs of a plane  ×  8 output channels      rows of the tile = windows, lanes = channels
 *   chain: over the window's elements, whose places come from the table of taps: no im2col, not even a packed one
 *
 * The input gradient with a stride is `stride²` such problems: the inputs of phase (a, b) = (h mod stride, w mod
 * stride) meet only the taps r ≡ a + padding, s ≡ b + padding, and over those it is a convolution of step 1 by the
 * window turned round.
 */
import { fewChannels, leastColumns, multiplyWindows } from "./narrow";
import { packLanes, packSteps } from "./pack";
import {
  multiplyPlanes,
  multiplyRows,
  pieceOf,
  readPlanes,
  startTile,
  tileBytes,
  tileLanes,
  tileRows,
  writePlanes,
} from "./tile";
import { copyBytes, layOut, place, Source, writeTaps, writeWindows } from "./window";

@unmanaged
export class Conv2dShape {
  N: i32;
  C: i32;
  H: i32;
  W: i32;
  K: i32;
  R: i32;
  S: i32;
  P: i32;
  Q: i32;
  stride: i32;
  padding: i32;
  groups: i32;
}

/** Where the outputs of a slide go. */
@unmanaged
class Target {
  address: usize;
  bias: usize;
  imageChannels: i32;
  channels: i32;
  /** Size of a plane. */
  H: i32;
  W: i32;
  /** Output (i, j) of the grid is at row `top + i·stride`, column `left + j·stride` of the plane. */
  top: i32;
  left: i32;
  stride: i32;
}

function panelsOf(channels: i32): i32 {
  return (channels + tileLanes - 1) / tileLanes;
}

/** Fills in the source of the forward pass, which is also that of the weight gradient. */
export function forwardSource(source: Source, x: usize, s: Conv2dShape): void {
  source.address = x;
  source.imageChannels = s.C;
  source.channels = s.C / s.groups;
  source.H = s.H;
  source.W = s.W;
  source.R = s.R;
  source.S = s.S;
  source.top = -s.padding;
  source.left = -s.padding;
  source.step = s.stride;
  source.rows = s.P;
  source.columns = s.Q;
}

/** How many of 0 … size−1 have the remainder of phase + padding when divided by stride, and the first of them. */
function firstTap(phase: i32, s: Conv2dShape): i32 {
  return (phase + s.padding) % s.stride;
}
function tapCount(first: i32, size: i32, s: Conv2dShape): i32 {
  return first < size ? (size - 1 - first) / s.stride + 1 : 0;
}

/** Fills in the source of phase (a, b) of the input gradient. */
function phaseSource(source: Source, dy: usize, s: Conv2dShape, a: i32, b: i32): void {
  const firstR = firstTap(a, s);
  const firstS = firstTap(b, s);
  source.address = dy;
  source.imageChannels = s.K;
  source.channels = s.K / s.groups;
  source.H = s.P;
  source.W = s.Q;
  source.R = tapCount(firstR, s.R, s);
  source.S = tapCount(firstS, s.S, s);
  source.top = (a + s.padding - firstR) / s.stride - (source.R - 1);
  source.left = (b + s.padding - firstS) / s.stride - (source.S - 1);
  source.step = 1;
  source.rows = (s.H - a + s.stride - 1) / s.stride;
  source.columns = (s.W - b + s.stride - 1) / s.stride;
}

function isEmpty(source: Source): bool {
  return source.R * source.S * source.rows * source.columns === 0;
}

/** Workspace of a slide: source | target | acc | its start | taps | windows | places | copy. */
function slideBytes(source: Source): i32 {
  layOut(source, 1, false);
  const outputs = source.blockRows * source.columns;
  const taps = source.channels * source.R * source.S;
  return 512 + 2 * tileBytes + taps * 4 + outputs * 8 + copyBytes(source);
}

/** Output rows [begin, end) of the grid, counted through the images with `unitRows` an image. */
function slide(
  source: Source,
  target: Target,
  weights: usize,
  groups: i32,
  unitRows: i32,
  begin: i32,
  end: i32,
  reversed: bool,
  workspace: usize,
): void {
  layOut(source, 1, false);
  const depth = source.channels * source.R * source.S;
  const piece = pieceOf(depth);
  const panels = panelsOf(target.channels);
  const pitch = (<usize>(target.H * target.W)) << 2;
  const near = target.stride === 1 && source.columns === target.W;
  const acc = workspace;
  const start = acc + tileBytes;
  const taps = start + tileBytes;
  const windows = taps + ((<usize>depth) << 2);
  const places = windows + ((<usize>(source.blockRows * source.columns)) << 2);
  const copy = places + ((<usize>(source.blockRows * source.columns)) << 2);
  writeTaps(taps, source, reversed);
  writeWindows(windows, source);
  writePlaces(places, source, target);

  for (let unit = begin; unit < end; ) {
    const n = unit / unitRows;
    const row = unit % unitRows;
    const taken = min(min(source.blockRows, end - unit), unitRows - row);
    unit += taken;
    const rows = min(taken, source.rows - row);
    const outputs = rows * source.columns;
    for (let g = 0; g < groups && rows > 0; g++) {
      const base = place(copy, source, n, 1, row, rows, g * source.channels);
      const plane = (n * target.imageChannels + g * target.channels) * target.H;
      const first = (plane + target.top + row * target.stride) * target.W + target.left;
      const corner = target.address + ((<usize>first) << 2);
      if (target.channels <= fewChannels && source.columns >= leastColumns) {
        slideNarrow(
          source,
          target,
          taps,
          weights + ((<usize>(g * depth)) << 5),
          depth,
          base,
          corner,
          rows,
          g,
        );
        continue;
      }
      for (let l = 0; l < depth; l += piece) {
        for (let panel = 0; panel < panels; panel++) {
          const lanes = min(tileLanes, target.channels - panel * tileLanes);
          const channel = g * target.channels + panel * tileLanes;
          const bias = target.bias ? target.bias + ((<usize>channel) << 2) : 0;
          const b = weights + ((<usize>((g * panels + panel) * depth + l)) << 5);
          const out = corner + pitch * (panel * tileLanes);
          startTile(start, l === 0 ? bias : 0, lanes);
          for (let i = 0; i < outputs; i += tileRows) {
            const tall = min(tileRows, outputs - i);
            const w = windows + ((<usize>i) << 2);
            const at = places + ((<usize>i) << 2);
            const a0 = base + <usize>load<u32>(w);
            const a1 = base + <usize>load<u32>(w + (tall > 1 ? 4 : 0));
            const a2 = base + <usize>load<u32>(w + (tall > 2 ? 8 : 0));
            const a3 = base + <usize>load<u32>(w + (tall > 3 ? 12 : 0));
            const steps = min(piece, depth - l);
            const tap = taps + ((<usize>l) << 2);
            if (near && tall === tileRows && lanes === tileLanes) {
              const to = out + <usize>load<u32>(at);
              multiplyPlanes(a0, a1, a2, a3, tap, b, steps, to, pitch, l === 0 ? start : 0);
              continue;
            }
            if (l === 0) memory.copy(acc, start, tileBytes);
            else readPlanes(acc, out, pitch, at, tall, lanes);
            multiplyRows(a0, a1, a2, a3, tap, b, 32, steps, acc, 32, false);
            writePlanes(acc, out, pitch, at, tall, lanes, near);
          }
        }
      }
    }
  }
}

/** A group of few channels: one panel, a channel at a time. */
function slideNarrow(
  source: Source,
  target: Target,
  taps: usize,
  weights: usize,
  depth: i32,
  base: usize,
  corner: usize,
  rows: i32,
  group: i32,
): void {
  const plane = (<usize>(target.H * target.W)) << 2;
  for (let channel = 0; channel < target.channels; channel++, weights += 4, corner += plane) {
    const b = target.bias + ((<usize>(group * target.channels + channel)) << 2);
    const bias = target.bias ? v128.load32_splat(b) : f32x4.splat(0);
    for (let row = 0; row < rows; row++) {
      const from = base + source.rowPitch * (row * source.step);
      const to = corner + ((<usize>(row * target.stride * target.W)) << 2);
      multiplyWindows(from, source.step, taps, weights, depth, bias, to, target.stride, source.columns);
    }
  }
}

/** places[i]: where output i of a block lies, from the block's first output on. */
function writePlaces(places: usize, source: Source, target: Target): void {
  for (let i = 0; i < source.blockRows; i++) {
    for (let j = 0; j < source.columns; j++, places += 4) {
      store<u32>(places, ((i * target.W + j) * target.stride) << 2);
    }
  }
}

// ── forward ──

/** Packed weights: groups × panels of 8 output channels × (c, r, s) × 8. Units: groups · panels. */
export function conv2dPackForward(packed: usize, w: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<Conv2dShape>(shape);
  const channels = s.K / s.groups;
  const panels = panelsOf(channels);
  const depth = (s.C / s.groups) * s.R * s.S;
  const pitch = (<usize>depth) << 2;
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % panels) * tileLanes;
    const k = (unit / panels) * channels + first;
    packSteps(packed + pitch * 8 * unit, w + pitch * k, pitch, depth, min(tileLanes, channels - first));
  }
}

/** `room`: bytes for a Source, scratch. */
export function conv2dForwardWorkspace(shape: usize, room: usize): i32 {
  const source = changetype<Source>(room);
  forwardSource(source, 0, changetype<Conv2dShape>(shape));
  return slideBytes(source);
}

/** Units: output rows, N · P. */
export function conv2dForward(
  y: usize,
  x: usize,
  packed: usize,
  bias: usize,
  shape: usize,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const source = changetype<Source>(workspace);
  const target = changetype<Target>(workspace + 256);
  forwardSource(source, x, s);
  target.address = y;
  target.bias = bias;
  target.imageChannels = s.K;
  target.channels = s.K / s.groups;
  target.H = s.P;
  target.W = s.Q;
  target.top = 0;
  target.left = 0;
  target.stride = 1;
  slide(source, target, packed, s.groups, s.P, begin, end, false, workspace + 512);
}

// ── input gradient ──

/** Packed weights: for each phase, groups × panels of 8 input channels × (k, r, s) × 8. Units: groups · panels. */
export function conv2dPackInputGradient(packed: usize, w: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<Conv2dShape>(shape);
  const channels = s.C / s.groups;
  const outputs = s.K / s.groups;
  const panels = panelsOf(channels);
  for (let a = 0; a < s.stride; a++) {
    for (let b = 0; b < s.stride; b++) {
      const firstR = firstTap(a, s);
      const firstS = firstTap(b, s);
      const steps = outputs * tapCount(firstR, s.R, s) * tapCount(firstS, s.S, s);
      for (let unit = begin; unit < end; unit++) {
        const c = (unit % panels) * tileLanes;
        const lanes = min(tileLanes, channels - c);
        const to = packed + ((<usize>(unit * steps)) << 5);
        const from = w + ((<usize>(((unit / panels) * outputs * channels + c) * s.R * s.S)) << 2);
        packPhase(to, from, s, firstR, firstS, lanes);
      }
      packed += (<usize>(s.groups * panels * steps)) << 5;
    }
  }
}

/** A panel's (k, r, s) for the taps of one phase; `from` is tap (0, 0) of the panel's first channel in output channel 0. */
function packPhase(to: usize, from: usize, s: Conv2dShape, firstR: i32, firstS: i32, lanes: i32): void {
  if (firstR >= s.R || firstS >= s.S) return;
  const taps = s.R * s.S;
  const pitch = (<usize>taps) << 2;
  const outputs = s.K / s.groups;
  const outputPitch = pitch * (s.C / s.groups);
  if (taps === 1) {
    packLanes(to, from, outputPitch, outputs, lanes);
    return;
  }
  for (let k = 0; k < outputs; k++, from += outputPitch) {
    if (s.stride === 1) {
      packSteps(to, from, pitch, taps, lanes);
      to += pitch * 8;
      continue;
    }
    for (let r = firstR; r < s.R; r += s.stride) {
      for (let t = firstS; t < s.S; t += s.stride, to += 32) {
        const tap = from + ((<usize>(r * s.S + t)) << 2);
        for (let lane = 0; lane < tileLanes; lane++) {
          store<u32>(to + ((<usize>lane) << 2), lane < lanes ? load<u32>(tap + pitch * lane) : 0);
        }
      }
    }
  }
}

/** `room`: bytes for a Source, scratch. */
export function conv2dInputGradientWorkspace(shape: usize, room: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const source = changetype<Source>(room);
  let bytes = 512;
  for (let a = 0; a < s.stride; a++) {
    for (let b = 0; b < s.stride; b++) {
      phaseSource(source, 0, s, a, b);
      if (!isEmpty(source)) bytes = max(bytes, slideBytes(source));
    }
  }
  return bytes;
}

/** Units: rows of the largest phase, N · ⌈H / stride⌉; unit i of an image is its input rows i·stride … + stride − 1. */
export function conv2dInputGradient(
  dx: usize,
  dy: usize,
  packed: usize,
  shape: usize,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const source = changetype<Source>(workspace);
  const target = changetype<Target>(workspace + 256);
  const unitRows = (s.H + s.stride - 1) / s.stride;
  const panels = panelsOf(s.C / s.groups);
  if (s.stride > min(s.R, s.S)) clearRows(dx, s, unitRows, begin, end);
  for (let a = 0; a < s.stride; a++) {
    for (let b = 0; b < s.stride; b++) {
      phaseSource(source, dy, s, a, b);
      const steps = source.channels * source.R * source.S;
      target.address = dx;
      target.bias = 0;
      target.imageChannels = s.C;
      target.channels = s.C / s.groups;
      target.H = s.H;
      target.W = s.W;
      target.top = a;
      target.left = b;
      target.stride = s.stride;
      if (!isEmpty(source)) {
        slide(source, target, packed, s.groups, unitRows, begin, end, true, workspace + 512);
      }
      packed += (<usize>(s.groups * panels * steps)) << 5;
    }
  }
}

/** Inputs that no window touches have the gradient 0. */
function clearRows(dx: usize, s: Conv2dShape, unitRows: i32, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    const row = (unit % unitRows) * s.stride;
    const rows = min(s.stride, s.H - row);
    for (let c = 0; c < s.C; c++) {
      const from = (((unit / unitRows) * s.C + c) * s.H + row) * s.W;
      memory.fill(dx + ((<usize>from) << 2), 0, (<usize>(rows * s.W)) << 2);
    }
  }
}
