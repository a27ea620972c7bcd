/**
 * Packing a panel of b: `depth` steps of 8 floats, lanes from `lanes` on are 0.
 *
 *   panel:  l = 0: | j0 j1 … j7 |  l = 1: | j0 j1 … j7 |  …
 */
import { tileLanes } from "./tile";
import { loadSome, storeColumns } from "./vector";

/** Lanes lie side by side; each step is `pitch` bytes behind the one before. */
export function packLanes(panel: usize, from: usize, pitch: usize, depth: i32, lanes: i32): void {
  for (let l = 0; l < depth; l++, panel += 32, from += pitch) {
    v128.store(panel, loadSome(from, lanes));
    v128.store(panel, lanes > 4 ? loadSome(from + 16, lanes - 4) : f32x4.splat(0), 16);
  }
}

/** Steps lie side by side; each lane is `pitch` bytes behind the one before. */
export function packSteps(panel: usize, from: usize, pitch: usize, depth: i32, lanes: i32): void {
  const full = depth & ~3;
  for (let j = 0; j < tileLanes; j += 4) {
    const row = from + pitch * j;
    const to = panel + ((<usize>j) << 2);
    if (j + 4 <= lanes) {
      for (let l = 0; l < full; l += 4) {
        const at = row + ((<usize>l) << 2);
        const a = v128.load(at);
        const b = v128.load(at + pitch);
        const c = v128.load(at + pitch * 2);
        const d = v128.load(at + pitch * 3);
        storeColumns(to + ((<usize>l) << 5), 32, a, b, c, d);
      }
      for (let l = full; l < depth; l++) {
        for (let i = 0; i < 4; i++) copyLane(to, row + pitch * i, l, i);
      }
    } else {
      for (let l = 0; l < depth; l++) {
        v128.store(to + ((<usize>l) << 5), f32x4.splat(0));
        for (let i = 0; i < lanes - j; i++) copyLane(to, row + pitch * i, l, i);
      }
    }
  }
}

function copyLane(to: usize, row: usize, l: i32, lane: i32): void {
  store<u32>(to + ((<usize>l) << 5) + ((<usize>lane) << 2), load<u32>(row + ((<usize>l) << 2)));
}
