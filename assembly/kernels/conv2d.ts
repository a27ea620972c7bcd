/** The shape of a convolution, and the parts that its kernels share. */
import { tileLanes } from "./tile";
import { Source } from "./window";

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

/** The number of panels of 8 that hold this many channels. */
export function panelsOf(channels: i32): i32 {
  return (channels + tileLanes - 1) / tileLanes;
}

/** Fills in the source of the forward pass; the weight gradient uses it too. */
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
