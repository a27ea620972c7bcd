/**
 * Links from the book to the sources: a path, a path with a name that the file declares, a test by its title, a lemma. Each
 * leads to the line where it stands when the site is built.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../../", import.meta.url));

const repository = "https://github.com/comet-ts/comet-ts";

/** The number of the first line that matches, from 1; null if none does. */
function lineOf(path: string, wanted: (line: string) => boolean): number | null {
  const line = readFileSync(join(root, path), "utf8").split("\n").findIndex(wanted);
  return line < 0 ? null : line + 1;
}

/** The address of a file of the repository, and of a line in it. */
export function addressOf(path: string, line: number | null = null): string {
  const kind = path.endsWith("/") ? "tree" : "blob";
  return `${repository}/${kind}/main/${path.replace(/\/$/, "")}${line === null ? "" : `#L${line}`}`;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** What stands in backquotes in the docs, as an address; null if it names nothing in the repository. */
export function sourceOf(code: string): string | null {
  const lemma = /^([A-Z]\w*)\.([\w']+)$/.exec(code);
  if (lemma && existsSync(join(root, `proofs/${lemma[1]}.v`))) {
    const path = `proofs/${lemma[1]}.v`;
    const line = lineOf(path, (text) =>
      new RegExp(`^ *(?:Theorem|Lemma) ${escaped(lemma[2]!)}(?![\\w'])`).test(text),
    );
    return line === null ? null : addressOf(path, line);
  }
  const [, path, name, title] = /^([\w./-]+\/[\w./-]*)(?::(\w+)| "(.*)")?$/.exec(code) ?? [];
  if (path === undefined || path.includes("..") || !existsSync(join(root, path))) return null;
  if (name !== undefined) {
    const declared = new RegExp(
      `^(?:export )?(?:async )?(?:function|const|class|interface) ${escaped(name)}\\b`,
    );
    return addressOf(
      path,
      lineOf(path, (text) => declared.test(text)),
    );
  }
  return addressOf(path, title === undefined ? null : lineOf(path, (text) => text.includes(`"${title}"`)));
}
