/**
 * Slides a window over a source: the forward convolution, and each phase of its input gradient.
 *
 *   tile:  4 outputs of a plane  ×  8 output channels      rows of the tile = windows, lanes = channels
 *   chain: over the window's elements, whose places come from the table of taps, so that no im2col copy is needed
 */
import { panelsOf } from "./conv2d";
import { fewChannels, leastColumns, multiplyPairs, multiplyWindows, suitsPairs } from "./narrow";
import {
  multiplyPlanes,
  multiplyRows,
  pieceOf,
  readPlanes,
  rowBytes,
  startRow,
  tileBytes,
  tileLanes,
  tileRows,
  writePlanes,
} from "./tile";
import { copyBytes, layOut, place, Source, writeTaps, writeWindows } from "./window";

/** A source and a target lie at the head of a workspace, 256 bytes each. */
export const headBytes: i32 = 512;

/** The destination of a slide's outputs. */
@unmanaged
export class Target {
  address: usize;
  bias: usize;
  imageChannels: i32;
  channels: i32;
  /** The size of a plane. */
  H: i32;
  W: i32;
  /** Output (i, j) of the grid is at row `top + i·stride`, column `left + j·stride` of the plane. */
  top: i32;
  left: i32;
  stride: i32;
}

/** Workspace of a slide: source | target | acc | its start | taps | windows | places | copy. */
export function slideBytes(source: Source): i32 {
  layOut(source, 1, false);
  const outputs = source.blockRows * source.columns;
  const taps = source.channels * source.R * source.S;
  return headBytes + tileBytes + rowBytes + taps * 4 + outputs * 8 + copyBytes(source);
}

/**
 * Computes output rows [begin, end) of the grid, counted through the images with `unitRows` rows per image.
 */
export function slide(
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
  // Reading beyond the source is safe only after a copy, which has room behind it.
  const wide = source.columns >= 16 || !source.direct;
  const byPairs = near && wide && source.step === 1 && suitsPairs(target.channels, source.columns);
  const acc = workspace;
  const start = acc + tileBytes;
  const taps = start + rowBytes;
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
      if (byPairs) {
        const w = weights + ((<usize>(g * depth)) << 5);
        const bias = target.bias ? target.bias + ((<usize>(g * target.channels)) << 2) : 0;
        startRow(start, bias, target.channels);
        const sparing = reversed && allFinite(w, depth << 3);
        slidePairs(source, target, taps, w, start, base, corner, row, rows, sparing);
        continue;
      }
      for (let l = 0; l < depth; l += piece) {
        for (let panel = 0; panel < panels; panel++) {
          const lanes = min(tileLanes, target.channels - panel * tileLanes);
          const channel = g * target.channels + panel * tileLanes;
          const bias = target.bias ? target.bias + ((<usize>channel) << 2) : 0;
          const b = weights + ((<usize>((g * panels + panel) * depth + l)) << 5);
          const out = corner + pitch * (panel * tileLanes);
          if (l === 0) startRow(start, bias, lanes);
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
            if (near && tall === tileRows && (lanes === tileLanes || l === 0)) {
              const to = out + <usize>load<u32>(at);
              multiplyPlanes(a0, a1, a2, a3, tap, b, steps, to, pitch, l === 0 ? start : 0, lanes);
              continue;
            }
            if (l !== 0) readPlanes(acc, out, pitch, at, tall, lanes);
            const first = l === 0 ? start : acc;
            multiplyRows(a0, a1, a2, a3, tap, b, 32, steps, acc, 32, first, l === 0 ? 0 : 32);
            writePlanes(acc, out, pitch, at, tall, lanes, near);
          }
        }
      }
    }
  }
}

/** Computes a group of few channels: one panel, a channel at a time. */
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

/**
 * Computes a group of few channels, two at a time. With `sparing`, rows of a reversed window outside the
 * plane are skipped: if all weights are finite, their zeros add only 0 to a chain that began at 0.
 */
function slidePairs(
  source: Source,
  target: Target,
  places: usize,
  weights: usize,
  starts: usize,
  base: usize,
  corner: usize,
  firstRow: i32,
  rows: i32,
  sparing: bool,
): void {
  const plane = (<usize>(target.H * target.W)) << 2;
  const R = source.R;
  for (let row = 0; row < rows; row++) {
    const top = source.top + firstRow + row;
    const above = sparing ? max(0, -top) : 0;
    const below = sparing ? max(0, top + R - source.H) : 0;
    const skips = above + below > 0;
    // One long chain is faster than several pieces.
    const sources = skips ? source.channels : 1;
    const taps = (skips ? R : source.channels * R) * source.S;
    const first = below * source.S;
    const last = taps - above * source.S;
    const from = base + source.rowPitch * row;
    const to = corner + ((<usize>(row * target.W)) << 2);
    for (let k = 0; k < target.channels; k += 2) {
      const lane = (<usize>k) << 2;
      const both = k + 1 < target.channels;
      const w = weights + lane;
      const out = to + plane * k;
      multiplyPairs(
        from,
        places,
        w,
        sources,
        taps,
        first,
        last,
        starts + lane,
        out,
        plane,
        both,
        source.columns,
      );
    }
  }
}

function allFinite(p: usize, count: i32): bool {
  let zeros = f32x4.splat(0);
  // x − x is 0 if x is finite and NaN otherwise.
  for (const end = p + ((<usize>count) << 2); p < end; p += 16) {
    const x = v128.load(p);
    zeros = f32x4.add(zeros, f32x4.sub(x, x));
  }
  return v128.any_true(f32x4.ne(zeros, zeros)) === false;
}

/** places[i] is the offset of output i from the first output of a block. */
function writePlaces(places: usize, source: Source, target: Target): void {
  for (let i = 0; i < source.blockRows; i++) {
    for (let j = 0; j < source.columns; j++, places += 4) {
      store<u32>(places, ((i * target.W + j) * target.stride) << 2);
    }
  }
}
