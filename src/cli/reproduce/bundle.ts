/**
 * One archive of all results, for the supplement of a paper: pages, figures with their data, measurements, and of each run
 * the manifest and the metrics. Weights are not in it; the manifest has their SHA-256.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { create } from "tar";
import { writeAtomically } from "../../files/atomic.js";

/** What of OUT is no result. */
const apart = /^(runs|slurm)$|^\.|\.part$/;

/** Writes `file` (.tar.gz) from the results in `out` and the folders of their runs. Returns the number of runs. */
export async function writeBundle(file: string, out: string, runs: readonly string[]): Promise<number> {
  const stage = mkdtempSync(join(tmpdir(), "comet-bundle-"));
  try {
    const root = join(stage, "results");
    mkdirSync(root);
    for (const name of readdirSync(out).filter((name) => !apart.test(name))) {
      if (join(out, name) !== file) cpSync(join(out, name), join(root, name), { recursive: true });
    }
    for (const run of runs) {
      const place = join(root, "runs", basename(run));
      mkdirSync(place, { recursive: true });
      for (const name of ["manifest.json", "metrics.jsonl"]) {
        if (existsSync(join(run, name))) cpSync(join(run, name), join(place, name));
      }
    }
    const packed = join(stage, "packed");
    await create({ gzip: true, portable: true, file: packed, cwd: stage }, ["results"]);
    writeAtomically(file, readFileSync(packed));
    return runs.length;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}
