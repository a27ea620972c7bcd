/**
 * c = op(a) · op(b), cut so that each piece stays in the cache that it is read from:
 *
 *   rows in blocks of 256, the chain in pieces of ≤ 384:
 *     a: 256 × 384 floats, read from the L2 cache; packed into tiles of 4 rows only where it is stored transposed
 *     b: one panel, 384 × 8 floats, packed once a block, read from the L1 cache by all its tiles
 */
import { packLanes, packSteps } from "./pack";
import { multiply, pieceOf, readRows, startTile, tileBytes, tileLanes, tileRows, writeRows } from "./tile";

const blockRows: i32 = 256;

@unmanaged
export class GemmShape {
  m: i32;
  n: i32;
  k: i32;
  transposeA: i32;
  transposeB: i32;
}

/** Workspace: acc | offsets of a piece | panel of b | packed a. */
export function gemmWorkspace(shape: usize): i32 {
  const s = changetype<GemmShape>(shape);
  const piece = pieceOf(s.k);
  return tileBytes + piece * (4 + 32) + (s.transposeA ? piece * blockRows * 4 : 0) + 64;
}

/** Computes rows [rowBegin, rowEnd) of columns [columnBegin, columnEnd), the latter from a multiple of 8. */
export function gemm(
  c: usize,
  a: usize,
  b: usize,
  shape: usize,
  rowBegin: i32,
  rowEnd: i32,
  columnBegin: i32,
  columnEnd: i32,
  workspace: usize,
): void {
  const s = changetype<GemmShape>(shape);
  const piece = pieceOf(s.k);
  const acc = workspace;
  const panel = acc + tileBytes;
  const packedA = panel + ((<usize>piece) << 5);
  const offsets = packedA + (s.transposeA ? (<usize>(piece * blockRows)) << 2 : 0);
  const rowPitch: usize = s.transposeA ? 4 : (<usize>s.k) << 2;
  for (let l = 0; l < piece; l++) store<u32>(offsets + ((<usize>l) << 2), s.transposeA ? l << 4 : l << 2);

  for (let i0 = rowBegin; i0 < rowEnd; i0 += blockRows) {
    const i1 = min(i0 + blockRows, rowEnd);
    for (let l0 = 0; l0 < s.k; l0 += piece) {
      const depth = min(piece, s.k - l0);
      if (s.transposeA) packA(packedA, a, s, i0, i1, l0, depth);
      for (let j = columnBegin; j < columnEnd; j += tileLanes) {
        const lanes = min(tileLanes, columnEnd - j);
        if (s.transposeB)
          packSteps(panel, b + ((<usize>(j * s.k + l0)) << 2), (<usize>s.k) << 2, depth, lanes);
        else packLanes(panel, b + ((<usize>(l0 * s.n + j)) << 2), (<usize>s.n) << 2, depth, lanes);
        for (let i = i0; i < i1; i += tileRows) {
          const rows = min(tileRows, i1 - i);
          const to = c + ((<usize>(i * s.n + j)) << 2);
          const a0 = s.transposeA
            ? packedA + ((<usize>((i - i0) * depth)) << 2)
            : a + ((<usize>(i * s.k + l0)) << 2);
          if (l0 === 0) startTile(acc, 0, lanes);
          else readRows(acc, to, (<usize>s.n) << 2, rows, lanes);
          // Rows behind the last repeat it; what they yield is not written.
          const a1 = a0 + (rows > 1 ? rowPitch : 0);
          const a2 = a1 + (rows > 2 ? rowPitch : 0);
          const a3 = a2 + (rows > 3 ? rowPitch : 0);
          multiply(a0, a1, a2, a3, offsets, panel, depth, acc);
          writeRows(acc, to, (<usize>s.n) << 2, rows, lanes);
        }
      }
    }
  }
}

/** Tiles of 4 rows: | l = 0: i0 i1 i2 i3 | l = 1: … |, `depth` steps each. Rows behind the last are left as they are. */
function packA(to: usize, a: usize, s: GemmShape, i0: i32, i1: i32, l0: i32, depth: i32): void {
  for (let i = i0; i < i1; i += tileRows) {
    const rows = min(tileRows, i1 - i);
    for (let l = 0; l < depth; l++, to += 16) {
      const from = a + ((<usize>((l0 + l) * s.m + i)) << 2);
      if (rows === tileRows) v128.store(to, v128.load(from));
      else memory.copy(to, from, (<usize>rows) << 2);
    }
  }
}
