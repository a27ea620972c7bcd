/**
 * Sparse rows: the values that are not 0, row after row of 256, each with its column in the row.
 *
 *   x        | 0 | 3 | 0 | 0 | 5 | …        (a row)
 *   columns  | 1 | 4 | …                    a byte each
 *   values   | 3 | 5 | …
 *   starts   for each row the number of values before it; at the end, of all values
 *
 * `starts` are little-endian integers of 32 bits, as bytes.
 */
export const rowLength = 256;

/** The number of rows of n values. */
export const rowsOf = (n: number): number => Math.ceil(n / rowLength);

export interface SparseRowKernels {
  /** Fills `starts`, of 4·(rows + 1) bytes, and returns how many values are not 0. */
  rowStarts(starts: Uint8Array, x: Float32Array): number;
  /** Writes as many columns and values as `starts` says. */
  packRows(columns: Uint8Array, values: Float32Array, x: Float32Array, starts: Uint8Array): void;
  /**
   * The inverse for some rows: `starts` are theirs, `columns` and `values` begin with their first. The first `skip` (less
   * than 256) values of the first row are left out, and what lies behind the end of x.
   */
  unpackRows(
    x: Float32Array,
    columns: Uint8Array,
    values: Float32Array,
    starts: Uint8Array,
    skip: number,
  ): void;
  /** One bit for each of the n values, ⌈n/8⌉ bytes: whether it is kept. n fills all rows but the last. */
  maskRows(mask: Uint8Array, columns: Uint8Array, starts: Uint8Array): void;
}
