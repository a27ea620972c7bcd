/**
 * `npm test`: runs every file of this folder that ends in .test.js, each in a process of its own. Arguments select the
 * files whose path contains one of them: `npm test -- comet/ codec/golden`.
 */
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.js"))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();

if (files.length === 0) {
  process.stderr.write(`npm test: expected part of a test file's path, got ${wanted.join(", ")}\n`);
  process.exit(1);
}

run({ files: files.map((name) => join(folder, name)), concurrency: availableParallelism() })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
