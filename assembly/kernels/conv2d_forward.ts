/** The forward pass: weights packed by output channel, then one slide over x, or Winograd's way. */
import { Conv2dShape, forwardSource, panelsOf } from "./conv2d";
import { packSteps } from "./pack";
import { headBytes, slide, slideBytes, Target } from "./slide";
import { tileLanes } from "./tile";
import { Source } from "./window";
import { suitsWinograd, tileRowsOf, winograd, winogradBytes } from "./winograd";
import { winogradPack, winogradPackedBytes } from "./winograd_pack";

function byWinograd(s: Conv2dShape): bool {
  return suitsWinograd(s.R, s.S, s.stride, s.C / s.groups, s.K / s.groups, s.P, s.Q);
}

/** Bytes of the packed weights, and units of work: output rows N · P, or rows of tiles. */
export function conv2dForwardPacked(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  const inputs = s.C / s.groups;
  const outputs = s.K / s.groups;
  if (byWinograd(s)) return winogradPackedBytes(s.groups, inputs, outputs);
  return s.groups * panelsOf(outputs) * inputs * s.R * s.S * 32;
}

export function conv2dForwardUnits(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  return s.N * (byWinograd(s) ? tileRowsOf(s.P) : s.P);
}

/** Packed weights: groups × panels of 8 output channels × (c, r, s) × 8. Units: groups · panels. */
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
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % panels) * tileLanes;
    const k = (unit / panels) * channels + first;
    if (byWinograd(s)) {
      const lanes = min(tileLanes, channels - first);
      winogradPack(
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

/** `room`: bytes for a Source, scratch. */
export function conv2dForwardWorkspace(shape: usize, room: usize): i32 {
  const source = changetype<Source>(room);
  const s = changetype<Conv2dShape>(shape);
  forwardSource(source, 0, s);
  return byWinograd(s) ? headBytes + winogradBytes(source) : slideBytes(source);
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
  if (byWinograd(s)) winograd(source, target, packed, s.groups, begin, end, workspace + headBytes);
  else slide(source, target, packed, s.groups, s.P, begin, end, false, workspace + headBytes);
}
