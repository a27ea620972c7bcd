/**
 * The packed weights of Winograd's convolution, U = G g Gᵀ: ξ × panels × channels × 8, for tiles of 2 × 2 or
 * 4 × 4 outputs.
 */
import { packSteps } from "./pack";
import { tileLanes } from "./tile";

/**
 * Bytes left free between the points. All points of a tile are written together. If they lay whole pages
 * apart, as in many shapes, they would fall into the same sets of the L1 cache and evict each other.
 */
export const apart: usize = 192;

/** Bytes of U from one point to the next, for all panels. */
export function pitchOfU(panels: i32, inputs: i32): usize {
  return ((<usize>(panels * inputs)) << 5) + apart;
}

/** Bytes of the packed weights. */
export function winogradPackedBytes(side: i32, groups: i32, inputs: i32, outputs: i32): i32 {
  const points = (side + 2) * (side + 2);
  return points * <i32>pitchOfU(groups * ((outputs + tileLanes - 1) / tileLanes), inputs);
}

/**
 * Packs U of `count` channels from `channel` on, for panel `unit` (counted through the groups). Weight (lane,
 * c) is at `from` + lane·lanePitch + c·channelPitch. `turned` rotates the window by half a turn for the input
 * gradient. `scratch` holds 9 × 8 and 18 × 4 floats.
 */
export function winogradPack(
  side: i32,
  packed: usize,
  unit: i32,
  panels: i32,
  from: usize,
  lanePitch: usize,
  channelPitch: usize,
  inputs: i32,
  channel: i32,
  count: i32,
  lanes: i32,
  turned: bool,
  scratch: usize,
): void {
  const pointPitch = pitchOfU(panels, inputs);
  let to = packed + ((<usize>(unit * inputs + channel)) << 5);
  from += channelPitch * channel;
  const first = turned ? scratch + 256 : scratch;
  const step = <usize>(turned ? -32 : 32);
  for (let c = 0; c < count; c++, to += 32, from += channelPitch) {
    packSteps(scratch, from, lanePitch, 9, lanes, tileLanes);
    if (side === 4) {
      transformWeightsLarge(to, pointPitch, first, step, scratch + 288);
      transformWeightsLarge(to + 16, pointPitch, first + 16, step, scratch + 288);
    } else {
      transformWeights(to, pointPitch, first, step);
      transformWeights(to + 16, pointPitch, first + 16, step);
    }
  }
}

/** U = G g Gᵀ of 4 lanes, columns first. The elements of g are `step` bytes apart, row by row. */
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

/** Element i of G times a column of g, whose elements are `down` bytes apart. */
function halfTransform(g: usize, down: usize, i: i32): v128 {
  if (i === 0) return v128.load(g);
  if (i === 3) return v128.load(g + down * 2);
  const ends = f32x4.add(v128.load(g), v128.load(g + down * 2));
  const middle = v128.load(g + down);
  return f32x4.mul(f32x4.splat(0.5), i === 1 ? f32x4.add(ends, middle) : f32x4.sub(ends, middle));
}

/** U for tiles of 4 × 4 outputs. `room` holds 18 × 4 floats. */
function transformWeightsLarge(to: usize, pitch: usize, g: usize, step: usize, room: usize): void {
  for (let s: usize = 0; s < 3; s++) {
    const column = g + step * s;
    stretch(
      room + (s << 4),
      48,
      v128.load(column),
      v128.load(column + step * 3),
      v128.load(column + step * 6),
    );
  }
  for (let i = 0; i < 6; i++, room += 48, to += pitch * 6) {
    stretch(to, pitch, v128.load(room), v128.load(room, 16), v128.load(room, 32));
  }
}

/** G times a column. */
function stretch(to: usize, pitch: usize, a: v128, b: v128, c: v128): void {
  const ends = f32x4.add(a, c);
  const sixth = f32x4.splat(-1.0 / 6.0);
  v128.store(to, f32x4.mul(f32x4.splat(0.25), a));
  v128.store(to + pitch, f32x4.mul(sixth, f32x4.add(ends, b)));
  v128.store(to + pitch * 2, f32x4.mul(sixth, f32x4.sub(ends, b)));
  const outer = f32x4.add(f32x4.mul(f32x4.splat(1.0 / 24.0), a), f32x4.mul(f32x4.splat(1.0 / 6.0), c));
  const middle = f32x4.mul(f32x4.splat(1.0 / 12.0), b);
  v128.store(to + pitch * 3, f32x4.add(outer, middle));
  v128.store(to + pitch * 4, f32x4.sub(outer, middle));
  v128.store(to + pitch * 5, c);
}
