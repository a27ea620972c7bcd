/** What sbatch does with the script that it is given, by commands that stand in for it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { submit } from "../../src/cli/sweep/slurm.js";

const tools = mkdtempSync(join(tmpdir(), "comet-sbatch-"));
const { PATH } = process.env;
process.env.PATH = `${tools}:/usr/bin:/bin`;

after(() => {
  process.env.PATH = PATH;
  rmSync(tools, { recursive: true });
});

const sbatch = (script: string) =>
  writeFileSync(join(tools, "sbatch"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

// More than a pipe takes, so that writing it fails if the command ends before it reads.
const long = "#\n".repeat(1 << 20);

test("a command that accepts without reading all of its input has accepted", () => {
  sbatch("echo '7;cluster'");
  assert.equal(submit(long), "7");
});

test("a command that refuses without reading all of its input is told by its own words", () => {
  sbatch("echo 'sbatch: error: Invalid account' >&2; exit 1");
  assert.throws(() => submit(long), /sbatch: expected Slurm to accept it, got .*Invalid account/);
});
