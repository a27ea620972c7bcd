/** Space that is kept for the last words of a program whose disk is full: a file that is given up when they are written. */
import { rmSync } from "node:fs";
import { writeAtomically } from "./atomic.js";

const reservedBytes = 1 << 16;

/** Makes the file; returns what gives its space back. A DiskError if there is not that much left. */
export function reserve(path: string): () => void {
  // Of bytes that no file system packs.
  writeAtomically(
    path,
    Uint8Array.from({ length: reservedBytes }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24),
  );
  return () => rmSync(path, { force: true });
}
