/**
 * The script that draws a report's figures in the browser: the compiled files of client/, joined to one
 * module. The files are written one after another without their imports, so their top-level names must
 * differ.
 */
import { readFileSync } from "node:fs";

/** Each file comes after those that it imports from. */
const files = [
  "extremes",
  "frame",
  "training",
  "memory",
  "holders",
  "layers",
  "samples",
  "gradients",
  "stores",
  "draw",
  "start",
];

export function clientScript(): string {
  const texts = files.map((file) => readFileSync(new URL(`client/${file}.js`, import.meta.url), "utf8"));
  return texts.map(join).join("");
}

/** Removes imports and exports, which tsc writes at the start of a line. */
const join = (code: string): string =>
  code
    .replace(/^import [^;]*;\n/gm, "")
    .replace(/^export \{\};\n/gm, "")
    .replace(/^export (?=const|let|function)/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*\n?/gm, "");
