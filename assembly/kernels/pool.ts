/** Pooling of each plane; what is computed stands in src/kernels/reference/pool.ts. Units: planes. */

@unmanaged
class PoolShape {
  planes: i32;
  H: i32;
  W: i32;
  R: i32;
  S: i32;
  P: i32;
  Q: i32;
  stride: i32;
  padding: i32;
}

function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 2);
}

/** The part of a window that lies inside the plane. */
function firstOf(output: i32, s: PoolShape): i32 {
  return max(output * s.stride - s.padding, 0);
}
function lastOf(output: i32, window: i32, size: i32, s: PoolShape): i32 {
  return min(output * s.stride - s.padding + window, size);
}

export function maxPool(y: usize, index: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  for (let plane = begin; plane < end; plane++) {
    const from = at(x, plane * s.H * s.W);
    let output = plane * s.P * s.Q;
    for (let p = 0; p < s.P; p++) {
      const lastRow = lastOf(p, s.R, s.H, s);
      for (let q = 0; q < s.Q; q++, output++) {
        const firstColumn = firstOf(q, s);
        const lastColumn = lastOf(q, s.S, s.W, s);
        const corner = (p * s.stride - s.padding) * s.S + q * s.stride - s.padding;
        let largest = load<f32>(at(from, firstOf(p, s) * s.W + firstColumn));
        let found = firstOf(p, s) * s.S + firstColumn - corner;
        for (let h = firstOf(p, s); h < lastRow; h++) {
          for (let w = firstColumn; w < lastColumn; w++) {
            const value = load<f32>(at(from, h * s.W + w));
            if (value > largest || (value !== value && largest === largest)) {
              largest = value;
              found = h * s.S + w - corner;
            }
          }
        }
        store<f32>(at(y, output), largest);
        store<u8>(index + output, found);
      }
    }
  }
}

export function maxPoolBackward(
  dx: usize,
  dy: usize,
  index: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<PoolShape>(shape);
  for (let plane = begin; plane < end; plane++) {
    const to = at(dx, plane * s.H * s.W);
    memory.fill(to, 0, (<usize>(s.H * s.W)) << 2);
    let output = plane * s.P * s.Q;
    for (let p = 0; p < s.P; p++) {
      for (let q = 0; q < s.Q; q++, output++) {
        const found = <i32>load<u8>(index + output);
        const h = p * s.stride + found / s.S - s.padding;
        const w = q * s.stride + (found % s.S) - s.padding;
        const cell = at(to, h * s.W + w);
        store<f32>(cell, load<f32>(cell) + load<f32>(at(dy, output)));
      }
    }
  }
}

export function avgPool(y: usize, x: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  const area = <f32>(s.R * s.S);
  for (let plane = begin; plane < end; plane++) {
    const from = at(x, plane * s.H * s.W);
    let output = at(y, plane * s.P * s.Q);
    for (let p = 0; p < s.P; p++) {
      const lastRow = lastOf(p, s.R, s.H, s);
      for (let q = 0; q < s.Q; q++, output += 4) {
        const lastColumn = lastOf(q, s.S, s.W, s);
        let sum: f32 = 0;
        for (let h = firstOf(p, s); h < lastRow; h++) {
          for (let w = firstOf(q, s); w < lastColumn; w++) sum += load<f32>(at(from, h * s.W + w));
        }
        store<f32>(output, sum / area);
      }
    }
  }
}

export function avgPoolBackward(dx: usize, dy: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<PoolShape>(shape);
  const area = <f32>(s.R * s.S);
  for (let plane = begin; plane < end; plane++) {
    const to = at(dx, plane * s.H * s.W);
    memory.fill(to, 0, (<usize>(s.H * s.W)) << 2);
    let output = at(dy, plane * s.P * s.Q);
    for (let p = 0; p < s.P; p++) {
      const lastRow = lastOf(p, s.R, s.H, s);
      for (let q = 0; q < s.Q; q++, output += 4) {
        const share = load<f32>(output) / area;
        const lastColumn = lastOf(q, s.S, s.W, s);
        for (let h = firstOf(p, s); h < lastRow; h++) {
          for (let w = firstOf(q, s); w < lastColumn; w++) {
            const cell = at(to, h * s.W + w);
            store<f32>(cell, load<f32>(cell) + share);
          }
        }
      }
    }
  }
}
