/** Reads and writes safetensors files; safetensors-bytes.ts has the format. */
import { readFile } from "node:fs/promises";
import { DataError } from "../error.js";
import { writeAtomically } from "./atomic.js";
import {
  decodeSafetensors,
  type NamedTensor,
  type Safetensors,
  safetensorsParts,
} from "./safetensors-bytes.js";

export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
} from "./safetensors-bytes.js";

export async function readSafetensors(path: string): Promise<Safetensors> {
  try {
    return decodeSafetensors(await readFile(path), path);
  } catch (cause) {
    if (cause instanceof DataError) {
      throw cause;
    }
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DataError({ where: path, expected: "a readable file", got, remedy: "check the path" });
  }
}

/**
 * Writes a file. An interrupted write leaves the file that was at `path` before. Tensors are written without
 * copying them first.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedTensor]>,
  metadata: Record<string, string> = {},
): Promise<void> {
  writeAtomically(path, safetensorsParts(tensors, metadata));
}
