/** `npm run bench -- NAME [options]` runs bench/NAME.ts. Errors of use are one line. */
import { readdirSync } from "node:fs";
import { CometError, UsageError } from "../src/error.js";
import { suggestion } from "../src/suggest.js";

const here = new URL(".", import.meta.url);

async function run([name = "kernels", ...args]: readonly string[]): Promise<void> {
  const known = readdirSync(here).flatMap((file) => /^(?!main\.)(\w+)\.js$/.exec(file)?.[1] ?? []);
  const found = known.includes(name) ? ((await import(`./${name}.js`)) as Partial<Benchmark>) : {};
  if (!found.bench) {
    throw new UsageError({
      where: "npm run bench",
      expected: "the name of a benchmark",
      got: name,
      remedy: suggestion(name, known),
    });
  }
  await found.bench(args);
}

interface Benchmark {
  bench(args: readonly string[]): Promise<void>;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof CometError) && !code?.startsWith("ERR_PARSE_ARGS")) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
