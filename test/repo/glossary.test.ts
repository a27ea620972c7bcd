/** docs/ speaks of code that is there: the glossary's names, and every path and link. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const below = (folder: string, extension: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

const code = below("src", ".ts").map(read).join("\n");
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "proofs/README.md", ...below("docs", ".md")];

interface Entry {
  word: string;
  names: string[];
}

/** The rows of a glossary's tables: a word, its meaning, and the names that stand for it. */
const entriesOf = (page: string): Entry[] =>
  [...page.matchAll(/^\| ([^|]+) \| [^|]+ \| ?([^|]*) ?\|$/gm)]
    .map(([, word, names]) => ({ word: word!, names: [...names!.matchAll(/`([^`]+)`/g)].map((m) => m[1]!) }))
    .filter(({ word }) => word !== "word");

/** Names that no file of src has as a whole word. */
const unknown = (entries: readonly Entry[]): string[] =>
  entries.flatMap(({ names }) =>
    names.filter((name) =>
      name.startsWith('"') ? !code.includes(name) : !new RegExp(`(?<![\\w])${name}(?![\\w])`).test(code),
    ),
  );

test("every name of the glossary is in the code", () => {
  const entries = entriesOf(read("docs/glossary.md"));
  assert.ok(entries.length >= 50);
  assert.deepEqual(unknown(entries), []);
});

test("the glossary's law catches a name that was changed", () => {
  assert.deepEqual(unknown([{ word: "store", names: ["Store", "LeanStore"] }]), ["LeanStore"]);
});

test("the glossary has no word twice", () => {
  const words = entriesOf(read("docs/glossary.md")).map(({ word }) => word);
  assert.deepEqual(
    words.filter((word, i) => words.indexOf(word) !== i),
    [],
  );
});

/** Of a page: links to files that are not there, and paths in code style that are not there. */
function dead(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)].map(([, target]) =>
    join(dirname(page), target!),
  );
  const named = /`((?:src|docs|proofs|test|assembly|examples|bench)\/[\w./-]*)(?::\w+)?`/g;
  const paths = [...text.matchAll(named)].map((match) => match[1]!);
  return [...links, ...paths].filter((path) => !existsSync(join(root, path)));
}

for (const page of pages) {
  test(`${page} names and links to files that are there`, () => {
    assert.deepEqual(dead(page, read(page)), []);
  });
}

test("the files that the picture of the architecture names are there", () => {
  const named = [...read("docs/images/architecture.svg").matchAll(/[\w-]+\/[\w-]+\.ts/g)].map(
    ([path]) => path,
  );
  assert.ok(named.length >= 8);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, "src", path))),
    [],
  );
});

test("the law of links catches a dead link and a dead path", () => {
  const text =
    "See [the walk](walk.md), [theory](theory.md#glossary) and `src/lean.ts`, not https://x.org/y.md.";
  assert.deepEqual(dead("docs/page.md", text), ["docs/walk.md", "src/lean.ts"]);
});
