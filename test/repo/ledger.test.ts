/**
 * The ledger of claims stays true to the tree: every theorem, file, name, test title and command in proofs/README.md
 * exists, code and theorems that name each other exist on both sides, and nothing refers to what is gone.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function filesBelow(folder: string, suffix: string): string[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.replace(root.pathname, ""));
}

const theorems = new Set(
  filesBelow("proofs", ".v").flatMap((path) => {
    const file = path.replace(/^.*\/(.*)\.v$/, "$1");
    return [...read(path).matchAll(/^ *(?:Theorem|Lemma) ([\w']+)/gm)].map(([, name]) => `${file}.${name}`);
  }),
);

/** Whether a TypeScript or AssemblyScript text declares `name` at its top level. */
const declares = (text: string, name: string): boolean =>
  new RegExp(`^(?:export )?(?:async )?(?:function|const|class|interface) ${escaped(name)}\\b`, "m").test(
    text,
  );

/** What is wrong with a reference to code, or null. */
function codeComplaint(reference: string): string | null {
  const [path, name] = reference.split(":") as [string, string];
  if (!existsSync(new URL(path, root))) return `${path} does not exist`;
  return declares(read(path), name) ? null : `${path} declares no ${name}`;
}

function testComplaint(reference: string): string | null {
  const [, path, title] = reference.match(/^(\S+)(?: "(.*)")?$/) ?? [];
  if (title === undefined) return codeComplaint(reference);
  if (!existsSync(new URL(path!, root))) return `${path} does not exist`;
  return read(path!).includes(`"${title}"`) ? null : `${path} has no test "${title}"`;
}

function commandComplaint(command: string): string | null {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const [, script, , bench] = command.match(/^npm (?:run )?(\w+)( -- (\w+))?$/) ?? [];
  if (script === undefined || !(script in scripts)) return `package.json has no script for ${command}`;
  return bench && !existsSync(new URL(`bench/${bench}.ts`, root)) ? `there is no bench/${bench}.ts` : null;
}

const theoremComplaint = (name: string): string | null => (theorems.has(name) ? null : `no theorem ${name}`);

const statuses = ["proved", "tested", "measured", "assumed", "refuted"];

/** Everything wrong with a ledger. */
function complaints(ledger: string): string[] {
  const found: string[] = [];
  const ids = new Set<string>();
  for (const line of ledger.split("\n")) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const [, id, claim, status, proof, law, code, command] = cells;
    if (cells.length !== 9 || !/^[A-Z]\d+$/.test(id!)) continue;
    const report = (complaint: string | null) => complaint && found.push(`${id}: ${complaint}`);
    const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner!);
    if (ids.has(id!)) report("two claims with this id");
    ids.add(id!);
    if (claim === "") report("no claim");
    if (!statuses.includes(status!)) report(`status ${status}`);
    if (status === "proved" && quoted(proof!).length === 0) report("proved by nothing");
    if (status === "tested" && quoted(law!).length === 0) report("tested by nothing");
    for (const name of quoted(proof!)) report(theoremComplaint(name));
    for (const reference of quoted(law!)) report(testComplaint(reference));
    for (const reference of quoted(code!)) report(codeComplaint(reference));
    for (const name of quoted(command!)) report(commandComplaint(name));
  }
  if (ids.size === 0) found.push("no claims at all");
  return found;
}

test("every link of the ledger leads somewhere", () => {
  assert.deepEqual(complaints(read("proofs/README.md")), []);
});

test("a broken link in the ledger is found", () => {
  const row = (cells: string) => complaints(`| X1 | a claim | ${cells} |`).length;
  assert.equal(row("proved | `Bound.strict_sound` | | | `npm test`"), 0);
  assert.equal(row("proved | `Bound.wishful` | | | `npm test`"), 1);
  assert.equal(row("proved | | | | `npm test`"), 1);
  assert.equal(row('tested | | `test/repo/proofs.test.ts "nothing of the kind"` | | `npm test`'), 1);
  assert.equal(row("tested | | `test/laws/codec.ts:nothing` | | `npm test`"), 1);
  assert.equal(row("measured | | | `src/gone.ts:f` | `npm run nothing`"), 2);
  assert.equal(row("believed | | | | `npm test`"), 1);
});

const sources = ["src", "assembly"].flatMap((folder) => filesBelow(folder, ".ts"));

test("every theorem that the code names exists", () => {
  let tags = 0;
  for (const path of sources) {
    for (const [, list] of read(path).matchAll(
      /proofs: ((?:[A-Z]\w*\.\w+(?:\s*\([^)]*\))?(?:, |,\n \* )?)+)/g,
    )) {
      for (const [name] of list!.matchAll(/[A-Z]\w*\.\w+/g)) {
        tags++;
        assert.ok(theorems.has(name), `${path} names ${name}`);
      }
    }
  }
  assert.ok(tags > 20);
});

test("every line of code that a proof models exists, and its file names a theorem", () => {
  let tags = 0;
  for (const path of filesBelow("proofs", ".v")) {
    for (const [, list] of read(path).matchAll(/\bmodels ((?:(?:src|assembly)\/[\w/.-]+\.ts:\w+\s*)+)/g)) {
      for (const reference of list!.trim().split(/\s+/)) {
        tags++;
        assert.equal(codeComplaint(reference), null, `${path} models ${reference}`);
        const [code] = reference.split(":");
        assert.match(read(code!), /proofs: [A-Z]\w*\./, `${code} names no theorem`);
      }
    }
  }
  assert.ok(tags > 20);
});
