/** Sparse rows; src/kernels/sparse-rows.ts defines them. Units: rows. */

const LENGTH: i32 = 256;

// @inline
function nonZeros(x: usize): i32 {
  return i32x4.bitmask(f32x4.ne(v128.load(x), f32x4.splat(0)));
}

// @inline
function startOf(starts: usize, row: i32): u32 {
  return load<u32>(starts + ((<usize>row) << 2));
}

export function rowCounts(starts: usize, x: usize, n: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const last = min(n, (row + 1) * LENGTH);
    let count = 0;
    let i = row * LENGTH;
    for (; i + 4 <= last; i += 4) count += popcnt(nonZeros(x + ((<usize>i) << 2)));
    for (; i < last; i++) if (load<f32>(x + ((<usize>i) << 2)) !== 0) count++;
    store<u32>(starts + ((<usize>(row + 1)) << 2), count);
  }
}

export function packRows(
  columns: usize,
  values: usize,
  x: usize,
  starts: usize,
  n: i32,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>(row * LENGTH)) << 2);
    const count = min(LENGTH, n - row * LENGTH);
    let column = columns + <usize>startOf(starts, row);
    let value = values + ((<usize>startOf(starts, row)) << 2);
    for (let j = 0; j < count; j += 4) {
      let kept = 0;
      if (j + 4 <= count) kept = nonZeros(from + ((<usize>j) << 2));
      else {
        for (let k = j; k < count; k++) {
          if (load<f32>(from + ((<usize>k) << 2)) !== 0) kept |= 1 << (k - j);
        }
      }
      for (; kept !== 0; kept &= kept - 1) {
        const at = j + ctz(kept);
        store<u8>(column++, <u8>at);
        store<u32>(value, load<u32>(from + ((<usize>at) << 2)));
        value += 4;
      }
    }
  }
}

export function unpackRows(
  x: usize,
  columns: usize,
  values: usize,
  starts: usize,
  n: i32,
  skip: i32,
  begin: i32,
  end: i32,
): void {
  const base = startOf(starts, 0);
  for (let row = begin; row < end; row++) {
    const first = row * LENGTH - skip;
    const low = max(0, first);
    const high = min(n, first + LENGTH);
    memory.fill(x + ((<usize>low) << 2), 0, (<usize>(high - low)) << 2);
    const last = startOf(starts, row + 1) - base;
    for (let at = startOf(starts, row) - base; at < last; at++) {
      const i = first + <i32>load<u8>(columns + <usize>at);
      if (i < 0 || i >= n) continue;
      store<u32>(x + ((<usize>i) << 2), load<u32>(values + ((<usize>at) << 2)));
    }
  }
}

export function maskRows(mask: usize, columns: usize, starts: usize, bytes: i32, begin: i32, end: i32): void {
  const base = startOf(starts, 0);
  for (let row = begin; row < end; row++) {
    const first = row * (LENGTH >> 3);
    const to = mask + <usize>first;
    memory.fill(to, 0, <usize>min(LENGTH >> 3, bytes - first));
    const last = startOf(starts, row + 1) - base;
    for (let at = startOf(starts, row) - base; at < last; at++) {
      const column = load<u8>(columns + <usize>at);
      const byte = to + <usize>(column >> 3);
      store<u8>(byte, load<u8>(byte) | (1 << (column & 7)));
    }
  }
}
