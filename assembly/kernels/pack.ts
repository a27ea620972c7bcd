/**
 * Packing a panel: `depth` steps of `width` floats (4 or 8); lanes from `lanes` on are 0.
 *
 *   panel:  l = 0: | j0 j1 j2 j3 … |  l = 1: | j0 j1 j2 j3 … |  …
 */
import { loadSome, storeColumns } from "./vector";

/**
 * Packs from memory where the lanes lie side by side and each step lies `pitch` bytes after the one before.
 */
export function packLanes(panel: usize, from: usize, pitch: usize, depth: i32, lanes: i32, width: i32): void {
  for (let l = 0; l < depth; l++, from += pitch) {
    for (let j = 0; j < width; j += 4, panel += 16) {
      v128.store(panel, j < lanes ? loadSome(from + ((<usize>j) << 2), lanes - j) : f32x4.splat(0));
    }
  }
}

/**
 * Packs sixteen neighbouring lanes, one cache line per step, into the 16 / `width` panels that they belong
 * to, which are `gap` bytes apart. Packing the panels one after another would fetch each line once per panel.
 */
export function packLines(panel: usize, gap: usize, from: usize, pitch: usize, depth: i32, width: i32): void {
  const second = panel + (width === 4 ? gap : 16);
  const third = panel + (width === 4 ? gap * 2 : gap);
  const fourth = third + (width === 4 ? gap : 16);
  const end = (<usize>(depth * width)) << 2;
  const step = (<usize>width) << 2;
  for (let at: usize = 0; at < end; at += step, from += pitch) {
    v128.store(panel + at, v128.load(from));
    v128.store(second + at, v128.load(from, 16));
    v128.store(third + at, v128.load(from, 32));
    v128.store(fourth + at, v128.load(from, 48));
  }
}

/**
 * Packs from memory where the steps lie side by side and each lane lies `pitch` bytes after the one before.
 */
export function packSteps(panel: usize, from: usize, pitch: usize, depth: i32, lanes: i32, width: i32): void {
  const step = (<usize>width) << 2;
  const full = depth & ~3;
  const zero = f32x4.splat(0);
  for (let j = 0; j < width; j += 4, from += pitch * 4, panel += 16) {
    const some = lanes - j;
    let l = 0;
    if (some > 0) {
      for (; l < full; l += 4) {
        const at = from + ((<usize>l) << 2);
        const a = v128.load(at);
        const b = some > 1 ? v128.load(at + pitch) : zero;
        const c = some > 2 ? v128.load(at + pitch * 2) : zero;
        const d = some > 3 ? v128.load(at + pitch * 3) : zero;
        storeColumns(panel + step * l, step, a, b, c, d);
      }
    }
    for (; l < depth; l++) {
      const to = panel + step * l;
      const at = from + ((<usize>l) << 2);
      v128.store(to, zero);
      for (let i = 0; i < min(4, some); i++) {
        store<u32>(to + ((<usize>i) << 2), load<u32>(at + pitch * i));
      }
    }
  }
}
