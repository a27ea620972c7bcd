/**
 * c = op(a) · op(b), in one of two ways. Rows of a are packed in tiles of 4, see tile.ts.
 *
 * Blocked: the operands are cut so that each piece stays in the cache from which it is read.
 *     a: 256 rows × ≤ 512 steps, half of a typical L2 cache
 *     b: a panel, ≤ 512 × 8, read from the L1 cache by all tiles of the block; two panels are packed at once
 *   If there are few rows, all of a is packed at once and the pieces of a panel follow each other, so that b is
 *   read in the order in which it lies in memory.
 *
 * Streaming, if each element of b is used for few rows or the chains are short: b is not packed. It is read, and
 * c is written, row by row, with 8 steps of the chain at a time.
 */
import { packLanes, packLines, packSteps } from "./pack";
import {
  multiplyPacked,
  pieceOf,
  readRows,
  rowBytes,
  tileBytes,
  tileLanes,
  tileRows,
  writeRows,
} from "./tile";

const blockRows: i32 = 256;
/** The most rows that count as few, and the most steps that make a chain short. */
const few: i32 = 32;
const streamedSteps: i32 = 8;

@unmanaged
export class GemmShape {
  m: i32;
  n: i32;
  k: i32;
  transposeA: i32;
  transposeB: i32;
}

/** The state of one matrix product. */
@unmanaged
class Job {
  c: usize;
  a: usize;
  b: usize;
  shape: GemmShape;
  /** Workspace: a tile, a row of zeros, two panels of b, the packed rows of a. */
  acc: usize;
  start: usize;
  panel: usize;
  packedA: usize;
  rowBegin: i32;
  rowEnd: i32;
  columnBegin: i32;
  columnEnd: i32;
}

function streams(s: GemmShape, rows: i32): bool {
  return !s.transposeB && (rows <= few || s.k <= few);
}

/** Workspace: job | acc | start | two panels of b | packed a. */
export function gemmWorkspace(shape: usize): i32 {
  const k = changetype<GemmShape>(shape).k;
  const piece = pieceOf(k);
  return 64 + tileBytes + rowBytes + piece * 64 + max(piece * blockRows, k * few) * 4;
}

/** Computes rows [rowBegin, rowEnd) of columns [columnBegin, columnEnd); columnBegin is a multiple of 8. */
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
  const job = changetype<Job>(workspace);
  const s = changetype<GemmShape>(shape);
  job.c = c;
  job.a = a;
  job.b = b;
  job.shape = s;
  job.acc = workspace + 64;
  job.start = job.acc + tileBytes;
  job.panel = job.start + rowBytes;
  job.packedA = job.panel + <usize>pieceOf(s.k) * 64;
  memory.fill(job.start, 0, rowBytes);
  job.rowBegin = rowBegin;
  job.rowEnd = rowEnd;
  job.columnBegin = columnBegin;
  job.columnEnd = columnEnd;
  if (streams(s, rowEnd - rowBegin)) stream(job);
  else block(job);
}

/** Computes one tile. `quads` are its packed rows of a; `b` and `step` give its columns of b. */
function tile(job: Job, quads: usize, b: usize, step: usize, depth: i32, i: i32, j: i32, fresh: bool): void {
  const n = job.shape.n;
  const pitch = (<usize>n) << 2;
  const rows = min(tileRows, job.rowEnd - i);
  const lanes = min(tileLanes, job.columnEnd - j);
  const to = job.c + ((<usize>(i * n + j)) << 2);
  if (rows === tileRows && lanes === tileLanes) {
    multiplyPacked(quads, b, step, depth, to, pitch, fresh ? job.start : to, fresh ? 0 : pitch);
    return;
  }
  if (step !== 32) {
    packLanes(job.panel, b, step, depth, lanes, tileLanes);
    b = job.panel;
  }
  if (!fresh) readRows(job.acc, to, pitch, rows, lanes);
  const first = fresh ? job.start : job.acc;
  multiplyPacked(quads, b, 32, depth, job.acc, 32, first, fresh ? 0 : 32);
  writeRows(job.acc, to, pitch, rows, lanes);
}

function stream(job: Job): void {
  const s = job.shape;
  const pitch = (<usize>s.n) << 2;
  for (let l = 0; l < s.k; l += streamedSteps) {
    const depth = min(streamedSteps, s.k - l);
    for (let i = job.rowBegin; i < job.rowEnd; i += tileRows) {
      packA(job, job.packedA, i, min(i + tileRows, job.rowEnd), l, depth);
      let j = job.columnBegin;
      let b = job.b + pitch * l + ((<usize>j) << 2);
      if (i + tileRows <= job.rowEnd) {
        const fresh = l === 0;
        let c = job.c + pitch * i + ((<usize>j) << 2);
        for (; j + tileLanes <= job.columnEnd; j += tileLanes, b += 32, c += 32) {
          multiplyPacked(job.packedA, b, pitch, depth, c, pitch, fresh ? job.start : c, fresh ? 0 : pitch);
        }
      }
      for (; j < job.columnEnd; j += tileLanes, b += 32) {
        tile(job, job.packedA, b, pitch, depth, i, j, l === 0);
      }
    }
  }
}

function block(job: Job): void {
  const s = job.shape;
  const piece = pieceOf(s.k);
  const isFew = job.rowEnd - job.rowBegin <= few;
  const columns = isFew ? tileLanes : job.columnEnd - job.columnBegin;
  // The packed pieces of few rows follow each other; with many rows, each piece overwrites the one before.
  const pitchA = isFew ? (<usize>((job.rowEnd - job.rowBegin + tileRows - 1) / tileRows)) << 4 : 0;
  if (isFew) {
    for (let l = 0; l < s.k; l += piece) {
      packA(job, job.packedA + pitchA * l, job.rowBegin, job.rowEnd, l, min(piece, s.k - l));
    }
  }
  for (let i0 = job.rowBegin; i0 < job.rowEnd; i0 += blockRows) {
    const i1 = min(i0 + blockRows, job.rowEnd);
    for (let j0 = job.columnBegin; j0 < job.columnEnd; j0 += columns) {
      const j1 = min(j0 + columns, job.columnEnd);
      for (let l = 0; l < s.k; l += piece) {
        const depth = min(piece, s.k - l);
        if (!isFew) packA(job, job.packedA, i0, i1, l, depth);
        for (let j = j0; j < j1; ) {
          const to = packB(job, j, j1, l, depth);
          for (let panel = job.panel; j < to; j += tileLanes, panel += <usize>depth * 32) {
            let quads = job.packedA + pitchA * l;
            for (let i = i0; i < i1; i += tileRows, quads += <usize>depth * 16) {
              tile(job, quads, panel, 32, depth, i, j, l === 0);
            }
          }
        }
      }
    }
  }
}

/**
 * Packs columns from j on and returns the first column not packed. Two panels are packed at once if both are
 * whole and b is not transposed.
 */
function packB(job: Job, j: i32, j1: i32, l: i32, depth: i32): i32 {
  const s = job.shape;
  const lanes = min(tileLanes, job.columnEnd - j);
  if (s.transposeB) {
    const from = job.b + ((<usize>(j * s.k + l)) << 2);
    packSteps(job.panel, from, (<usize>s.k) << 2, depth, lanes, tileLanes);
  } else {
    const from = job.b + ((<usize>(l * s.n + j)) << 2);
    if (j + 2 * tileLanes <= j1) {
      packLines(job.panel, <usize>depth * 32, from, (<usize>s.n) << 2, depth, tileLanes);
      return j + 2 * tileLanes;
    }
    packLanes(job.panel, from, (<usize>s.n) << 2, depth, lanes, tileLanes);
  }
  return j + tileLanes;
}

/** Packs rows [i0, i1) in tiles of 4, with `depth` quads per tile from step `l` on. */
function packA(job: Job, to: usize, i0: i32, i1: i32, l: i32, depth: i32): void {
  const s = job.shape;
  const quadBytes = <usize>depth * 16;
  let i = i0;
  if (s.transposeA) {
    for (; i + 4 * tileRows <= i1; i += 4 * tileRows, to += quadBytes * 4) {
      const from = job.a + ((<usize>(l * s.m + i)) << 2);
      packLines(to, quadBytes, from, (<usize>s.m) << 2, depth, tileRows);
    }
  }
  for (; i < i1; i += tileRows, to += quadBytes) {
    const rows = min(tileRows, i1 - i);
    if (s.transposeA) {
      const from = job.a + ((<usize>(l * s.m + i)) << 2);
      packLanes(to, from, (<usize>s.m) << 2, depth, rows, tileRows);
    } else {
      const from = job.a + ((<usize>(i * s.k + l)) << 2);
      packSteps(to, from, (<usize>s.k) << 2, depth, rows, tileRows);
    }
  }
}
