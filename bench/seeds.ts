/**
 * npm run bench -- seeds [--seeds 1,2,3] [any option of comet train]
 *
 * Measures whether COMET costs accuracy. Trains with the plain store and with COMET from each seed, and
 * prints the test accuracies, their means, the difference of the means, and its standard error.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";

interface Outcome {
  summary: { testAccuracy: number; convRatio: number | null };
}

const cli = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]) =>
  Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / Math.max(values.length - 1, 1),
  );

function accuracyOf(
  store: string,
  seed: string,
  options: readonly string[],
  out: string,
): Outcome["summary"] {
  const args = [
    cli,
    "train",
    "--epochs",
    "2",
    ...options,
    "--store",
    store,
    "--seed",
    seed,
    "--out",
    out,
    "--json",
  ];
  const output = execFileSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return (JSON.parse(output) as Outcome).summary;
}

export function bench(args: readonly string[]): void {
  const at = args.indexOf("--seeds");
  const seeds = at < 0 ? ["1", "2", "3"] : args[at + 1]!.split(",");
  const options = at < 0 ? args : [...args.slice(0, at), ...args.slice(at + 2)];
  const out = mkdtempSync(join(tmpdir(), "comet-seeds-"));
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const table = new Table({
    head: ["seed", "plain", "COMET", "conv-input ratio"],
    style: { head: [], border: [] },
  });
  const [plain, comet]: [number[], number[]] = [[], []];
  for (const seed of seeds) {
    const [a, b] = [accuracyOf("plain", seed, options, out), accuracyOf("comet", seed, options, out)];
    plain.push(a.testAccuracy);
    comet.push(b.testAccuracy);
    table.push([seed, percent(a.testAccuracy), percent(b.testAccuracy), `${b.convRatio?.toFixed(2)}x`]);
  }
  table.push(["mean", percent(mean(plain)), percent(mean(comet)), ""]);
  const error = Math.sqrt((deviation(plain) ** 2 + deviation(comet) ** 2) / seeds.length);
  console.log(table.toString());
  console.log(
    `COMET − plain: ${(100 * (mean(comet) - mean(plain))).toFixed(2)} points, standard error ${(100 * error).toFixed(2)} (spread over seeds)`,
  );
}
