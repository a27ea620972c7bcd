/**
 * The input gradient. A stride splits it into stride² problems: the inputs of phase (a, b) = (h mod stride, w
 * mod stride) meet only the taps r ≡ a + padding, s ≡ b + padding (mod stride). Over those taps it is a
 * convolution with step 1 and the rotated window.
 */
import { Conv2dShape, panelsOf } from "./conv2d";
import { packLanes, packSteps } from "./pack";
import { headBytes, slide, slideBytes, Target } from "./slide";
import { tileLanes } from "./tile";
import { Source } from "./window";
import { winograd, winogradBytes } from "./winograd";
import { winogradLarge, winogradLargeBytes } from "./winograd_large";
import { winogradPack, winogradPackedBytes } from "./winograd_pack";
import { winogradSide } from "./winograd_side";

/** The side of Winograd's tiles in outputs; 0 if Winograd is not used. */
function sideOf(s: Conv2dShape): i32 {
  return winogradSide(s.R, s.S, s.stride, s.K / s.groups, s.C / s.groups, s.H, s.W);
}

/** Bytes of the packed weights. */
export function conv2dInputGradientPacked(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const inputs = s.K / s.groups;
  const outputs = s.C / s.groups;
  const side = sideOf(s);
  if (side > 0) return winogradPackedBytes(side, s.groups, inputs, outputs);
  return s.groups * panelsOf(outputs) * inputs * s.R * s.S * 32;
}

/** The number of units: rows of the largest phase, N · ⌈H / stride⌉, or rows of tiles. */
export function conv2dInputGradientUnits(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const side = sideOf(s);
  const rows = side > 0 ? side : s.stride;
  return s.N * ((s.H + rows - 1) / rows);
}

/** The first tap of a phase: the smallest one that is ≡ phase + padding (mod stride). */
function firstTap(phase: i32, s: Conv2dShape): i32 {
  return (phase + s.padding) % s.stride;
}
/** The number of taps among 0 … size − 1 that are `first` plus a multiple of the stride. */
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

/**
 * Packs the weights: for each phase, groups × panels of 8 input channels × (k, r, s) × 8. Units: groups ·
 * panels.
 */
export function conv2dPackInputGradient(
  packed: usize,
  w: usize,
  shape: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const side = sideOf(s);
  if (side > 0) {
    packTurned(side, packed, w, s, begin, end, scratch);
    return;
  }
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

/**
 * A panel packs this many output channels before the next panel does, because their weights lie close
 * together in memory.
 */
const turnedChannels: i32 = 64;

function packTurned(
  side: i32,
  packed: usize,
  w: usize,
  s: Conv2dShape,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channels = s.C / s.groups;
  const outputs = s.K / s.groups;
  const panels = panelsOf(channels);
  for (let k = 0; k < outputs; k += turnedChannels) {
    for (let unit = begin; unit < end; unit++) {
      const c = (unit % panels) * tileLanes;
      winogradPack(
        side,
        packed,
        unit,
        panels * s.groups,
        w + ((<usize>(((unit / panels) * outputs * channels + c) * 9)) << 2),
        36,
        <usize>channels * 36,
        outputs,
        k,
        min(turnedChannels, outputs - k),
        min(tileLanes, channels - c),
        true,
        scratch,
      );
    }
  }
}

/**
 * Packs a panel's (k, r, s) for the taps of one phase. `from` is tap (0, 0) of the panel's first channel in
 * output channel 0.
 */
function packPhase(to: usize, from: usize, s: Conv2dShape, firstR: i32, firstS: i32, lanes: i32): void {
  if (firstR >= s.R || firstS >= s.S) return;
  const taps = s.R * s.S;
  const pitch = (<usize>taps) << 2;
  const outputs = s.K / s.groups;
  const outputPitch = pitch * (s.C / s.groups);
  if (taps === 1) {
    packLanes(to, from, outputPitch, outputs, lanes, tileLanes);
    return;
  }
  for (let k = 0; k < outputs; k++, from += outputPitch) {
    if (s.stride === 1) {
      packSteps(to, from, pitch, taps, lanes, tileLanes);
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

/** Bytes of workspace. `room` has space for a Source and is overwritten. */
export function conv2dInputGradientWorkspace(shape: usize, room: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const source = changetype<Source>(room);
  const side = sideOf(s);
  if (side > 0) {
    phaseSource(source, 0, s, 0, 0);
    return headBytes + (side === 4 ? winogradLargeBytes(source) : winogradBytes(source));
  }
  let bytes = headBytes;
  for (let a = 0; a < s.stride; a++) {
    for (let b = 0; b < s.stride; b++) {
      phaseSource(source, 0, s, a, b);
      if (!isEmpty(source)) bytes = max(bytes, slideBytes(source));
    }
  }
  return bytes;
}

/** Unit i of an image covers its input rows i·stride … i·stride + stride − 1. */
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
  const side = sideOf(s);
  const room = workspace + headBytes;
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
      if (side === 4) winogradLarge(source, target, packed, s.groups, begin, end, room);
      else if (side === 2) winograd(source, target, packed, s.groups, begin, end, room);
      else if (!isEmpty(source)) slide(source, target, packed, s.groups, unitRows, begin, end, true, room);
      packed += (<usize>(s.groups * panels * steps)) << 5;
    }
  }
}

/** Clears the rows, because inputs that no window covers have the gradient 0. */
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
