/**
 * The forward pass: weights are packed by output channel, then the window slides over x, or Winograd's
 * transforms are used.
 */
import { Conv2dShape, forwardSource, panelsOf } from "./conv2d";
import { packSteps } from "./pack";
import { headBytes, slide, slideBytes, Target } from "./slide";
import { tileLanes } from "./tile";
import { Source } from "./window";
import { winograd, winogradBytes } from "./winograd";
import { winogradLarge, winogradLargeBytes } from "./winograd_large";
import { winogradPack, winogradPackedBytes } from "./winograd_pack";
import { winogradSide } from "./winograd_side";

/** The side of Winograd's tiles in outputs; 0 if Winograd is not used. */
function sideOf(s: Conv2dShape): i32 {
  return winogradSide(s.R, s.S, s.stride, s.C / s.groups, s.K / s.groups, s.P, s.Q);
}

/** Bytes of the packed weights. */
export function conv2dForwardPacked(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const inputs = s.C / s.groups;
  const outputs = s.K / s.groups;
  const side = sideOf(s);
  if (side > 0) return winogradPackedBytes(side, s.groups, inputs, outputs);
  return s.groups * panelsOf(outputs) * inputs * s.R * s.S * 32;
}

/** The number of units: output rows N · P, or rows of tiles. */
export function conv2dForwardUnits(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const side = sideOf(s);
  return s.N * (side > 0 ? (s.P + side - 1) / side : s.P);
}

/** Packs the weights: groups × panels of 8 output channels × (c, r, s) × 8. Units: groups · panels. */
export function conv2dPackForward(
  packed: usize,
  w: usize,
  shape: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const channels = s.K / s.groups;
  const panels = panelsOf(channels);
  const depth = (s.C / s.groups) * s.R * s.S;
  const pitch = (<usize>depth) << 2;
  const side = sideOf(s);
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % panels) * tileLanes;
    const k = (unit / panels) * channels + first;
    if (side > 0) {
      const lanes = min(tileLanes, channels - first);
      winogradPack(
        side,
        packed,
        unit,
        panels * s.groups,
        w + pitch * k,
        pitch,
        36,
        s.C / s.groups,
        0,
        s.C / s.groups,
        lanes,
        false,
        scratch,
      );
      continue;
    }
    packSteps(
      packed + pitch * 8 * unit,
      w + pitch * k,
      pitch,
      depth,
      min(tileLanes, channels - first),
      tileLanes,
    );
  }
}

/** Bytes of workspace. `room` has space for a Source and is overwritten. */
export function conv2dForwardWorkspace(shape: usize, room: usize): i32 {
  const source = changetype<Source>(room);
  const s = changetype<Conv2dShape>(shape);
  forwardSource(source, 0, s);
  const side = sideOf(s);
  if (side === 0) return slideBytes(source);
  return headBytes + (side === 4 ? winogradLargeBytes(source) : winogradBytes(source));
}

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
  const side = sideOf(s);
  const room = workspace + headBytes;
  if (side === 4) winogradLarge(source, target, packed, s.groups, begin, end, room);
  else if (side === 2) winograd(source, target, packed, s.groups, begin, end, room);
  else slide(source, target, packed, s.groups, s.P, begin, end, false, room);
}
