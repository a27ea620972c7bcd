/** A file that reserves space on the disk, so that the end of a run can be recorded when the disk is full. */
import { rmSync } from "node:fs";
import { writeAtomically } from "./atomic.js";

const reservedBytes = 1 << 16;

/** Makes the file and returns a function that removes it. Throws a DiskError if there is not enough space. */
export function reserve(path: string): () => void {
  // A file system that compresses cannot make these bytes smaller.
  writeAtomically(
    path,
    Uint8Array.from({ length: reservedBytes }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24),
  );
  return () => rmSync(path, { force: true });
}
