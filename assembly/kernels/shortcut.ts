/** The shortcut between stages of a residual network; src/kernels/reference/shortcut.ts defines it. */
import { gather, pairHigh, pairLow } from "./vector";

@unmanaged
class DownsampleShape {
  N: i32;
  C: i32;
  H: i32;
  W: i32;
  K: i32;
  P: i32;
  Q: i32;
  stride: i32;
}

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** The number of channels of zeros in front of the copied ones. */
function before(s: DownsampleShape): i32 {
  return (s.K - s.C) >> 1;
}

/** Units: planes of y. */
export function downsample(y: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<DownsampleShape>(shape);
  const step = s.stride;
  for (let plane = begin; plane < end; plane++) {
    const n = plane / s.K;
    const c = plane - n * s.K - before(s);
    let to = at(y, plane * s.P * s.Q);
    if (c < 0 || c >= s.C) {
      memory.fill(to, 0, (<usize>(s.P * s.Q)) << 2);
      continue;
    }
    for (let p = 0; p < s.P; p++) {
      const row = at(x, ((n * s.C + c) * s.H + p * step) * s.W);
      let q = 0;
      for (; q + 4 <= s.Q; q += 4, to += 16) v128.store(to, gather(at(row, q * step), step));
      for (; q < s.Q; q++, to += 4) store<f32>(to, load<f32>(at(row, q * step)));
    }
  }
}

/** Units: planes of dx. */
export function downsampleBackward(dx: usize, dy: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<DownsampleShape>(shape);
  const step = s.stride;
  // Adding −0 changes no number; adding +0 would change −0.
  const nothing = f32x4.splat(-0.0);
  for (let plane = begin; plane < end; plane++) {
    const n = plane / s.C;
    let from = at(dy, (plane - n * s.C + n * s.K + before(s)) * s.P * s.Q);
    for (let p = 0; p < s.P; p++) {
      const row = at(dx, (plane * s.H + p * step) * s.W);
      let q = 0;
      if (step === 2) {
        for (; 2 * (q + 4) <= s.W; q += 4, from += 16) {
          const to = at(row, 2 * q);
          const more = v128.load(from);
          v128.store(to, f32x4.add(v128.load(to), pairLow(more, nothing)));
          v128.store(to, f32x4.add(v128.load(to, 16), pairHigh(more, nothing)), 16);
        }
      }
      for (; q < s.Q; q++, from += 4) {
        const to = at(row, q * step);
        store<f32>(to, load<f32>(to) + load<f32>(from));
      }
    }
  }
}
