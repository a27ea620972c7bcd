/**
 * One archive of all results of a folder, for the supplement of a paper: pages, figures with their data, measurements, and of
 * each run that a result names the manifest and the records. Weights are not in it; the manifest has their SHA-256.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { create } from "tar";
import { resultsIn } from "../../experiments/result.js";
import { writeAtomically } from "../../files/atomic.js";
import { keepRun } from "../../runs/kept.js";

/** What of OUT is no result. */
const apart = /^(runs|slurm)$|^\.|\.part$/;

/** Writes `file` (.tar.gz) from the results in `out` and their runs. Returns the number of runs. */
export async function writeBundle(file: string, out: string): Promise<number> {
  const stage = mkdtempSync(join(tmpdir(), "comet-bundle-"));
  try {
    const root = join(stage, "results");
    mkdirSync(root);
    for (const name of readdirSync(out).filter((name) => !apart.test(name))) {
      const from = join(out, name);
      if (resolve(from) !== resolve(file)) cpSync(from, join(root, name), { recursive: true });
    }
    const runs = new Map(
      resultsIn(out)
        .flatMap(({ runs }) => runs)
        .flatMap(({ key, path, status }) =>
          path !== null && status === "done" ? [[path, key] as const] : [],
        ),
    );
    const into = join(root, "runs");
    mkdirSync(into);
    for (const [path, key] of runs) await keepRun(path, into, key);
    const packed = join(stage, "packed");
    await create({ gzip: true, portable: true, file: packed, cwd: stage }, ["results"]);
    writeAtomically(file, readFileSync(packed));
    return runs.size;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}
