/**
 * A finished run in little space: its manifest and its compressed records, without weights and checkpoints. Reports and results
 * are made from it as from the run itself.
 */
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { makeFolderAtomically } from "../files/atomic.js";
import { compressedLog } from "./log.js";

/** Copies the run at `path` into `folder`. The key tells runs of one name apart. Throws a DataError for records that cannot be read. */
export async function keepRun(path: string, folder: string, key: string): Promise<void> {
  const log = compressedLog(join(path, "metrics.jsonl"));
  const own = join(folder, basename(path));
  await makeFolderAtomically(existsSync(own) ? `${own}-${key}` : own, (kept) => {
    copyFileSync(join(path, "manifest.json"), join(kept, "manifest.json"));
    writeFileSync(join(kept, "metrics.jsonl.gz"), log);
  });
}
