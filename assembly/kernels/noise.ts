/**
 * energy[k] = Σ dy² · (share of the window's inputs that are not zero). Units: output channels. The non-zero
 * inputs of a group are first counted through its channels; the share is then computed from that plane of
 * counts.
 */
import { Conv2dShape } from "./conv2d";
import { orderedSum, WeightedSquare } from "./order";
import { loadSome, storeSome } from "./vector";

/** Workspace: totals (8 bytes a channel) | counts (H·W) | share (P·Q). */
export function conv2dNoiseEnergyWorkspace(shape: usize): i32 {
  const s = changetype<Conv2dShape>(shape);
  return s.K * 8 + s.H * s.W * 4 + s.P * s.Q * 4;
}

export function conv2dNoiseEnergy(
  energy: usize,
  dy: usize,
  x: usize,
  shape: usize,
  begin: i32,
  end: i32,
  workspace: usize,
): void {
  const s = changetype<Conv2dShape>(shape);
  const totals = workspace;
  const counts = totals + ((<usize>s.K) << 3);
  const share = counts + ((<usize>(s.H * s.W)) << 2);
  const channels = s.C / s.groups;
  const outputs = s.K / s.groups;
  const plane = s.P * s.Q;
  const zero = f32x4.splat(0);
  for (let k = begin; k < end; k++) store<f64>(totals + ((<usize>k) << 3), 0);
  for (let n = 0; n < s.N; n++) {
    let counted = -1;
    for (let k = begin; k < end; k++) {
      const group = k / outputs;
      if (group !== counted) {
        const first = (n * s.C + group * channels) * s.H * s.W;
        countNonZero(counts, x + ((<usize>first) << 2), channels, s.H * s.W);
        writeShare(share, counts, s, channels);
        counted = group;
      }
      const from = dy + ((<usize>((n * s.K + k) * plane)) << 2);
      const total = totals + ((<usize>k) << 3);
      store<f64>(total, load<f64>(total) + orderedSum<WeightedSquare>(from, share, plane, zero, zero));
    }
  }
  for (let k = begin; k < end; k++) {
    store<f32>(energy + ((<usize>k) << 2), <f32>load<f64>(totals + ((<usize>k) << 3)));
  }
}

/** counts[i] is the number of the `channels` planes that are not zero at i. */
function countNonZero(counts: usize, x: usize, channels: i32, size: i32): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < size; i += 4) {
    let sum = i32x4.splat(0);
    let from = x + ((<usize>i) << 2);
    for (let c = 0; c < channels; c++, from += (<usize>size) << 2) {
      sum = i32x4.sub(sum, f32x4.ne(loadSome(from, size - i), zero));
    }
    storeSome(counts + ((<usize>i) << 2), sum, size - i);
  }
}

function writeShare(share: usize, counts: usize, s: Conv2dShape, channels: i32): void {
  const inputs = <f32>(channels * s.R * s.S);
  for (let p = 0; p < s.P; p++) {
    const firstRow = p * s.stride - s.padding;
    const lastRow = min(firstRow + s.R, s.H);
    for (let q = 0; q < s.Q; q++, share += 4) {
      const firstColumn = q * s.stride - s.padding;
      const lastColumn = min(firstColumn + s.S, s.W);
      let nonZero = 0;
      for (let h = max(firstRow, 0); h < lastRow; h++) {
        for (let w = max(firstColumn, 0); w < lastColumn; w++) {
          nonZero += load<i32>(counts + ((<usize>(h * s.W + w)) << 2));
        }
      }
      store<f32>(share, <f32>nonZero / inputs);
    }
  }
}
