/**
 * `npm run mutants`: breaks the compiled sources in one place at a time and shows which law notices, after how many
 * cases, and whether the vectors of the Coq model notice too. A mutant that nothing notices is a failure.
 *
 * The tests run on a copy of dist/, in build/mutants; the tree itself is never changed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import type { Mutant } from "./mutant.js";
import { mutants } from "./mutations.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const copy = `${root}build/mutants/`;

interface Suite {
  file: string;
  /** Those of its tests that concern what is mutated. */
  pattern: string;
  /** How the names of the mutated files begin that it watches. */
  of: readonly string[];
}

const core = ["codec/", "comet/", "device/board", "kernels/"];

/** The files of tests; of those that watch a mutant, the first failure counts. */
const laws: Suite[] = [
  { file: "codec/arguments", pattern: ".", of: ["codec/arguments", "codec/options"] },
  { file: "codec/frame", pattern: ".", of: ["codec/frame"] },
  { file: "codec/codec", pattern: "reference", of: core },
  { file: "codec/mask", pattern: ".", of: ["codec/stages/mask", "codec/stages/bridge", "codec/fast/chunk"] },
  { file: "comet/comet", pattern: "equation|accepted", of: core },
  { file: "comet/allocation", pattern: "bounds|pay|curve|cost", of: core },
  { file: "noise/premises", pattern: "dither|support", of: core },
  { file: "noise/noise", pattern: "reference", of: core },
  { file: "kernels/kernels", pattern: "reference is|release build returns", of: core },
  { file: "device/workers", pattern: "each call is made|an error in a worker", of: core },
  { file: "device/device", pattern: ".", of: ["device/allocator", "device/ledger"] },
  { file: "files/npy", pattern: ".", of: ["files/npy", "files/elements"] },
  { file: "files/safetensors", pattern: ".", of: ["files/safetensors", "files/elements"] },
  { file: "cli/npyfile", pattern: ".", of: ["cli/npyfile", "cli/narrowing"] },
  { file: "runs/summary", pattern: ".", of: ["runs/summary"] },
  { file: "experiments/planned-run", pattern: ".", of: ["experiments/planned-run"] },
  { file: "experiments/standing", pattern: ".", of: ["experiments/standing"] },
  { file: "experiments/statistics", pattern: ".", of: ["experiments/statistics"] },
  { file: "experiments/answers", pattern: ".", of: ["experiments/courses"] },
  { file: "experiments/sweep", pattern: ".", of: ["experiments/schedule"] },
  { file: "files/lock", pattern: ".", of: ["files/holder", "files/lock"] },
  { file: "cli/jobs", pattern: ".", of: ["cli/jobs/"] },
  { file: "engine/store", pattern: ".", of: ["engine/"] },
  { file: "engine/chain", pattern: ".", of: ["engine/"] },
  { file: "engine/plan", pattern: ".", of: ["engine/"] },
  { file: "engine/rerun", pattern: ".", of: ["engine/"] },
  { file: "stores/comet-recompute", pattern: "ReLU", of: ["engine/rerun"] },
  { file: "stores/choices", pattern: ".", of: ["stores/recompute/"] },
  { file: "noise/pass", pattern: ".", of: ["noise/pass"] },
  { file: "files/place", pattern: ".", of: ["files/output"] },
  { file: "files/atomic", pattern: ".", of: ["files/output"] },
  { file: "runs/log", pattern: ".", of: ["runs/log"] },
  { file: "data/crop", pattern: ".", of: ["data/crop", "data/resize"] },
  { file: "data/jpeg", pattern: ".", of: ["data/jpeg/", "data/formats/jpeg", "data/formats/wasm"] },
  { file: "data/picture", pattern: ".", of: ["data/picture", "data/formats/", "data/jpeg/"] },
  {
    file: "data/imagefolder",
    pattern: ".",
    of: [
      "data/imagefolder",
      "data/photographs",
      "data/tree",
      "data/extensions",
      "data/settings",
      "data/normalize",
    ],
  },
  { file: "data/imagenet", pattern: "synset|photograph", of: ["data/imagenet"] },
  {
    file: "data/files",
    pattern: ".",
    of: ["data/idx", "data/idxset", "data/pixels", "data/cifar", "data/normalize", "data/files"],
  },
];
const vectors: Suite[] = [{ file: "repo/proofs", pattern: "model", of: core }];

const watching = (suites: Suite[], { file }: Mutant): Suite[] =>
  suites.filter(({ of }) => of.some((beginning) => file.startsWith(beginning)));

/** The first test that fails, with the number of cases until then where it is a property; null if all pass. */
function firstFailure(suites: Suite[]): string | null {
  for (const { file, pattern } of suites) {
    const path = `${copy}dist/test/${file}.test.js`;
    const args = [
      "--import",
      `${copy}dist/test/mutants/eager.js`,
      "--test-reporter=tap",
      `--test-name-pattern=${pattern}`,
      path,
    ];
    const { stdout, stderr, status, error } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: 60000,
      killSignal: "SIGKILL",
    });
    if (error) return `${file}: no end within 60 s (a failing property that still shrinks, or a loop)`;
    const title = stdout.match(/^not ok \d+ - (.*)$/m)?.[1];
    // Without a test that fails, only success means that all passed.
    if (title === undefined && status !== 0) throw new Error(`${file} does not run: ${stderr}`);
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
function hunt(args: string[]): void {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  cpSync(`${root}dist`, `${copy}dist`, { recursive: true });
  for (const name of ["build", "proofs", "test", "src", "package.json"])
    symlinkSync(`${root}${name}`, `${copy}${name}`);
  const chosen = mutants.filter(({ file, fault }) => args.every((part) => `${file} ${fault}`.includes(part)));
  const watched = [...laws, ...vectors].filter((suite) =>
    chosen.some((one) => watching([suite], one).length > 0),
  );
  const healthy = firstFailure(watched);
  if (healthy !== null) throw new Error(`without a mutation, "${healthy}" fails already`);
  const table = new Table({
    head: ["file", "fault", "caught by", "vectors"],
    colWidths: [26, 52, 70, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  let survivors = 0;
  for (const [i, mutant] of chosen.entries()) {
    process.stderr.write(`\r${i + 1} of ${chosen.length}`);
    const [law, vector] = underMutation(mutant, () => [
      firstFailure(watching(laws, mutant)),
      firstFailure(watching(vectors, mutant)),
    ]);
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

hunt(process.argv.slice(2));
