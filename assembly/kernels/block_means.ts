/** Means of blocks spread over planes; src/kernels/block-means.ts defines them. Units: planes. */
import { loadSome, storeSome } from "./vector";

@unmanaged
class BlockShape {
  H: i32;
  W: i32;
  P: i32;
  Q: i32;
}

/** y = x + sign·means for one row. `row` holds the spread means of the row. */
// @inline
function addRow(y: usize, x: usize, row: usize, W: i32, subtract: bool): void {
  for (let j = 0; j < W; j += 4) {
    const at = (<usize>j) << 2;
    const left = W - j;
    const a = loadSome(x + at, left);
    const mean = v128.load(row + at);
    storeSome(y + at, subtract ? f32x4.sub(a, mean) : f32x4.add(a, mean), left);
  }
}

// @inline
function spread(
  y: usize,
  x: usize,
  means: usize,
  shape: usize,
  subtract: bool,
  begin: i32,
  end: i32,
  row: usize,
): void {
  const s = changetype<BlockShape>(shape);
  const pitch = (<usize>s.W) << 2;
  for (let plane = begin; plane < end; plane++) {
    let last = -1;
    for (let i = 0; i < s.H; i++) {
      const from = <i32>((<i64>i * <i64>s.P) / <i64>s.H);
      if (from !== last) {
        const at = means + ((<usize>((plane * s.P + from) * s.Q)) << 1);
        for (let j = 0; j < s.W; j++) {
          const column = <i32>((<i64>j * <i64>s.Q) / <i64>s.W);
          store<u32>(row + ((<usize>j) << 2), (<u32>load<u16>(at + ((<usize>column) << 1))) << 16);
        }
        last = from;
      }
      const offset = <usize>(plane * s.H + i) * pitch;
      addRow(y + offset, x + offset, row, s.W, subtract);
    }
  }
}

export function subtractMeans(
  y: usize,
  x: usize,
  means: usize,
  shape: usize,
  begin: i32,
  end: i32,
  row: usize,
): void {
  spread(y, x, means, shape, true, begin, end, row);
}

export function addMeans(
  y: usize,
  x: usize,
  means: usize,
  shape: usize,
  begin: i32,
  end: i32,
  row: usize,
): void {
  spread(y, x, means, shape, false, begin, end, row);
}
