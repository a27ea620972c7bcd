/** Sparse rows: see src/kernels/sparse-rows.ts. */
import { rowLength, rowsOf } from "../sparse-rows.js";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function rowStarts(starts: Uint8Array, x: Float32Array): number {
  const view = viewOf(starts);
  let count = 0;
  for (let i = 0; i < x.length; i++) {
    if (i % rowLength === 0) view.setUint32((4 * i) / rowLength, count, true);
    if (x[i] !== 0) count++;
  }
  view.setUint32(4 * rowsOf(x.length), count, true);
  return count;
}

export function packRows(
  columns: Uint8Array,
  values: Float32Array,
  x: Float32Array,
  _starts: Uint8Array,
): void {
  let at = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue;
    columns[at] = i % rowLength;
    values[at++] = x[i]!;
  }
}

/** Calls `see` with the row, the column and the place of each value, counted from the first of these rows. */
function visit(
  columns: Uint8Array,
  starts: Uint8Array,
  see: (row: number, column: number, at: number) => void,
): void {
  const view = viewOf(starts);
  const base = view.getUint32(0, true);
  for (let row = 0; row + 1 < starts.length / 4; row++) {
    const end = view.getUint32(4 * (row + 1), true) - base;
    for (let at = view.getUint32(4 * row, true) - base; at < end; at++) see(row, columns[at]!, at);
  }
}

export function unpackRows(
  x: Float32Array,
  columns: Uint8Array,
  values: Float32Array,
  starts: Uint8Array,
  skip: number,
): void {
  x.fill(0);
  visit(columns, starts, (row, column, at) => {
    const i = row * rowLength + column - skip;
    if (i >= 0 && i < x.length) x[i] = values[at]!;
  });
}

export function maskRows(mask: Uint8Array, columns: Uint8Array, starts: Uint8Array): void {
  mask.fill(0);
  visit(columns, starts, (row, column) => {
    const i = row * rowLength + column;
    mask[i >> 3]! |= 1 << (i & 7);
  });
}
