/**
 * c = op(a) · op(b), in one of two ways.
 *
 * Blocked, cut so that each piece stays in the cache that it is read from:
 *     a: 256 rows × ≤ 384 steps, packed into tiles of 4 rows, read from the L2 cache
 *     b: one panel, ≤ 384 × 8, packed once a block, read from the L1 cache by all its tiles
 *   With few rows a panel's pieces follow each other, so that b is read as it lies in memory, and a is not packed.
 *
 * Streaming, where every element of b serves few rows or the chains are short: nothing is packed. b is read, and c
 * written, along its rows, 8 steps of the chain at a time.
 */
import { packLanes, packSteps } from "./pack";
import {
  multiplyRows,
  pieceOf,
  readRows,
  rowBytes,
  startRow,
  tileBytes,
  tileLanes,
  tileRows,
  writeRows,
} from "./tile";
import { storeColumns } from "./vector";

const blockRows: i32 = 256;
/** Up to so many rows are few, and up to so many steps are a short chain. */
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

/** One matrix product under way. */
@unmanaged
class Job {
  c: usize;
  a: usize;
  b: usize;
  shape: GemmShape;
  /** Scratch: a tile, a row of zeros, the offsets of a piece of the chain in a row of a, a panel of b, the packed rows of a. */
  acc: usize;
  start: usize;
  offsets: usize;
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

/** Workspace: job | acc | start | offsets | panel of b | packed a. */
export function gemmWorkspace(shape: usize): i32 {
  const piece = pieceOf(changetype<GemmShape>(shape).k);
  return 64 + tileBytes + rowBytes + piece * (4 + 32 + 4 * blockRows) + 128;
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
  const job = changetype<Job>(workspace);
  const s = changetype<GemmShape>(shape);
  const piece = <usize>pieceOf(s.k);
  job.c = c;
  job.a = a;
  job.b = b;
  job.shape = s;
  job.acc = workspace + 64;
  job.start = job.acc + tileBytes;
  job.panel = job.start + rowBytes;
  job.packedA = job.panel + piece * 32;
  job.offsets = job.packedA + piece * (4 * blockRows);
  startRow(job.start, 0, tileLanes);
  job.rowBegin = rowBegin;
  job.rowEnd = rowEnd;
  job.columnBegin = columnBegin;
  job.columnEnd = columnEnd;
  if (streams(s, rowEnd - rowBegin)) stream(job);
  else block(job);
}

function writeOffsets(offsets: usize, count: i32, pitch: usize): void {
  for (let l = 0; l < count; l++) store<u32>(offsets + ((<usize>l) << 2), <u32>(pitch * l));
}

/** One tile: `from` and `pitch` place its rows of a, `b` and `step` its columns of b. */
function tile(
  job: Job,
  from: usize,
  pitch: usize,
  b: usize,
  step: usize,
  depth: i32,
  i: i32,
  j: i32,
  fresh: bool,
): void {
  const n = job.shape.n;
  const cPitch = (<usize>n) << 2;
  const rows = min(tileRows, job.rowEnd - i);
  const lanes = min(tileLanes, job.columnEnd - j);
  const to = job.c + ((<usize>(i * n + j)) << 2);
  // Rows behind the last repeat it; what they yield is not written.
  const a1 = from + (rows > 1 ? pitch : 0);
  const a2 = a1 + (rows > 2 ? pitch : 0);
  const a3 = a2 + (rows > 3 ? pitch : 0);
  if (rows === tileRows && lanes === tileLanes) {
    multiplyRows(
      from,
      a1,
      a2,
      a3,
      job.offsets,
      b,
      step,
      depth,
      to,
      cPitch,
      fresh ? job.start : to,
      fresh ? 0 : cPitch,
    );
    return;
  }
  if (step !== 32) {
    packLanes(job.panel, b, step, depth, lanes);
    b = job.panel;
  }
  if (!fresh) readRows(job.acc, to, cPitch, rows, lanes);
  const first = fresh ? job.start : job.acc;
  multiplyRows(from, a1, a2, a3, job.offsets, b, 32, depth, job.acc, 32, first, fresh ? 0 : 32);
  writeRows(job.acc, to, cPitch, rows, lanes);
}

function stream(job: Job): void {
  const s = job.shape;
  const rowPitch = (<usize>(s.transposeA ? 1 : s.k)) << 2;
  const stepPitch = (<usize>(s.transposeA ? s.m : 1)) << 2;
  const bPitch = (<usize>s.n) << 2;
  writeOffsets(job.offsets, streamedSteps, stepPitch);
  for (let l = 0; l < s.k; l += streamedSteps) {
    const depth = min(streamedSteps, s.k - l);
    for (let i = job.rowBegin; i < job.rowEnd; i += tileRows) {
      const from = job.a + rowPitch * i + stepPitch * l;
      let j = job.columnBegin;
      let b = job.b + bPitch * l + ((<usize>j) << 2);
      if (i + tileRows <= job.rowEnd) {
        const a1 = from + rowPitch;
        const a2 = a1 + rowPitch;
        const a3 = a2 + rowPitch;
        let c = job.c + bPitch * i + ((<usize>j) << 2);
        for (; j + tileLanes <= job.columnEnd; j += tileLanes, b += 32, c += 32) {
          multiplyRows(
            from,
            a1,
            a2,
            a3,
            job.offsets,
            b,
            bPitch,
            depth,
            c,
            bPitch,
            l === 0 ? job.start : c,
            l === 0 ? 0 : bPitch,
          );
        }
      }
      for (; j < job.columnEnd; j += tileLanes, b += 32) {
        tile(job, from, rowPitch, b, bPitch, depth, i, j, l === 0);
      }
    }
  }
}

function block(job: Job): void {
  const s = job.shape;
  const piece = pieceOf(s.k);
  const isFew = job.rowEnd - job.rowBegin <= few;
  const packs = s.transposeA !== 0 || !isFew;
  const columns = isFew ? tileLanes : job.columnEnd - job.columnBegin;
  writeOffsets(job.offsets, piece, packs ? 16 : 4);
  for (let i0 = job.rowBegin; i0 < job.rowEnd; i0 += blockRows) {
    const i1 = min(i0 + blockRows, job.rowEnd);
    for (let j0 = job.columnBegin; j0 < job.columnEnd; j0 += columns) {
      const j1 = min(j0 + columns, job.columnEnd);
      for (let l = 0; l < s.k; l += piece) {
        const depth = min(piece, s.k - l);
        if (packs) packA(job, i0, i1, l, depth);
        for (let j = j0; j < j1; j += tileLanes) {
          packB(job, j, l, depth);
          for (let i = i0; i < i1; i += tileRows) {
            const from = packs
              ? job.packedA + ((<usize>((i - i0) * depth)) << 2)
              : job.a + ((<usize>(i * s.k + l)) << 2);
            tile(job, from, packs ? 4 : (<usize>s.k) << 2, job.panel, 32, depth, i, j, l === 0);
          }
        }
      }
    }
  }
}

function packB(job: Job, j: i32, l: i32, depth: i32): void {
  const s = job.shape;
  const lanes = min(tileLanes, job.columnEnd - j);
  if (s.transposeB) {
    packSteps(job.panel, job.b + ((<usize>(j * s.k + l)) << 2), (<usize>s.k) << 2, depth, lanes);
  } else {
    packLanes(job.panel, job.b + ((<usize>(l * s.n + j)) << 2), (<usize>s.n) << 2, depth, lanes);
  }
}

/** Tiles of 4 rows: | l = 0: i0 i1 i2 i3 | l = 1: … |, `depth` steps each. Rows behind the last are left as they are. */
function packA(job: Job, i0: i32, i1: i32, l0: i32, depth: i32): void {
  const s = job.shape;
  const rowPitch = (<usize>(s.transposeA ? 1 : s.k)) << 2;
  const stepPitch = (<usize>(s.transposeA ? s.m : 1)) << 2;
  let to = job.packedA;
  for (let i = i0; i < i1; i += tileRows) {
    const rows = min(tileRows, i1 - i);
    const from = job.a + rowPitch * i + stepPitch * l0;
    let l = 0;
    if (rows === tileRows && s.transposeA) {
      for (; l < depth; l++) v128.store(to + ((<usize>l) << 4), v128.load(from + stepPitch * l));
    } else if (rows === tileRows) {
      for (; l + 4 <= depth; l += 4) {
        const at = from + ((<usize>l) << 2);
        const b = v128.load(at + rowPitch);
        const c = v128.load(at + rowPitch * 2);
        storeColumns(to + ((<usize>l) << 4), 16, v128.load(at), b, c, v128.load(at + rowPitch * 3));
      }
    }
    for (; l < depth; l++) {
      for (let row = 0; row < rows; row++) {
        const at = to + ((<usize>((l << 2) + row)) << 2);
        store<u32>(at, load<u32>(from + rowPitch * row + stepPitch * l));
      }
    }
    to += (<usize>depth) << 4;
  }
}
