/**
 * `npm run mutants`: breaks the compiled reference in one place at a time and shows which law notices, after how many
 * cases, and whether the vectors of the Coq model notice too. A mutant that nothing notices is a failure.
 *
 * The tests run on a copy of dist/, in build/mutants; the tree itself is never changed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { type Mutant, mutants } from "./mutations.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const copy = `${root}build/mutants/`;

/** The files of tests, and which of their tests concern what is mutated. */
const laws = [
  { file: "codec/codec", pattern: "reference" },
  { file: "comet/comet", pattern: "equation|accepted" },
  { file: "comet/allocation", pattern: "bounds|pay|curve|cost" },
  { file: "noise/premises", pattern: "dither|support" },
  { file: "noise/noise", pattern: "reference" },
  { file: "kernels/kernels", pattern: "reference is|release build returns" },
  { file: "device/workers", pattern: "each call is made|an error in a worker" },
];
const vectors = [{ file: "repo/proofs", pattern: "model" }];

/** The first test that fails, with the number of cases until then where it is a property; null if all pass. */
function firstFailure(suites: typeof laws): string | null {
  for (const { file, pattern } of suites) {
    const path = `${copy}dist/test/${file}.test.js`;
    const args = [
      "--import",
      `${copy}dist/test/mutants/eager.js`,
      "--test-reporter=tap",
      `--test-name-pattern=${pattern}`,
      path,
    ];
    const { stdout, error } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: 60000,
      killSignal: "SIGKILL",
    });
    if (error) return `${file}: no end within 60 s (a failing property that still shrinks, or a loop)`;
    const title = stdout.match(/^not ok \d+ - (.*)$/m)?.[1];
    if (title === undefined) continue;
    const cases = stdout.match(/Property failed after (\d+) tests/)?.[1];
    return title.includes(copy) ? `${file}: does not load` : `${title}${cases ? ` (case ${cases})` : ""}`;
  }
  return null;
}

function underMutation<T>({ file, from, to }: Mutant, use: () => T): T {
  const path = `${copy}dist/src/${file}.js`;
  const original = readFileSync(path, "utf8");
  if (original.split(from).length !== 2)
    throw new Error(`${file}: expected "${from}" once; update test/mutants/mutations.ts`);
  writeFileSync(
    path,
    original.replace(from, () => to),
  );
  try {
    return use();
  } finally {
    writeFileSync(path, original);
  }
}

/** Arguments: parts of file names or faults that narrow the list. */
export async function bench(args: string[]): Promise<void> {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  cpSync(`${root}dist`, `${copy}dist`, { recursive: true });
  for (const folder of ["build", "proofs", "test", "src"])
    symlinkSync(`${root}${folder}`, `${copy}${folder}`);
  const healthy = firstFailure([...laws, ...vectors]);
  if (healthy !== null) throw new Error(`without a mutation, "${healthy}" fails already`);

  const chosen = mutants.filter(({ file, fault }) => args.every((part) => `${file} ${fault}`.includes(part)));
  const table = new Table({
    head: ["file", "fault", "caught by", "vectors"],
    colWidths: [26, 52, 70, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  let survivors = 0;
  for (const [i, mutant] of chosen.entries()) {
    process.stderr.write(`\r${i + 1} of ${chosen.length}`);
    const [law, vector] = underMutation(mutant, () => [firstFailure(laws), firstFailure(vectors)]);
    if (law === null && vector === null) survivors++;
    table.push([
      mutant.file,
      mutant.fault,
      law ?? (vector === null ? "NOTHING" : "-"),
      vector === null ? "" : "caught",
    ]);
  }
  process.stderr.write("\n");
  console.log(table.toString());
  console.log(`${chosen.length} mutants, ${survivors} survived`);
  if (survivors > 0) process.exitCode = 1;
}
