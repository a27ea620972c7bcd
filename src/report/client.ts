/**
 * The script that draws a report's figures, in the browser: the compiled files of client/ as one module. Where they
 * import from one another they are written one after the other, so their top-level names differ and none is renamed.
 */
import { readFileSync } from "node:fs";

/** Each after those it imports from. */
const files = ["extremes", "frame", "training", "memory", "layers", "samples", "gradients", "draw"];

export function clientScript(): string {
  const texts = files.map((file) => readFileSync(new URL(`client/${file}.js`, import.meta.url), "utf8"));
  return texts.map(join).join("");
}

/** As tsc writes them: every import and export at the start of a line. */
const join = (code: string): string =>
  code
    .replace(/^import [^;]*;\n/gm, "")
    .replace(/^export \{\};\n/gm, "")
    .replace(/^export (?=const|function)/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*\n?/gm, "");
