/** docs/theory.md speaks of the code that is there, and of claims that are there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const theory = read("docs", "theory.md");

const code = [
  ...readdirSync(join(root, "src", "comet"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => read("src", "comet", file)),
  read("src", "engine", "op.ts"),
  read("src", "ops", "conv.ts"),
].join("\n");

test("every symbol of the glossary has its name in the code", () => {
  const rows = [...theory.matchAll(/^\| (\S+) \| .* \| `(\w+)` \|$/gm)];
  assert.ok(rows.length >= 12);
  for (const [, symbol, name] of rows)
    assert.match(code, new RegExp(`\\b${name}\\b`), `${symbol} is ${name}`);
});

test("every symbol of the code's equations is in the glossary", () => {
  const equations = /Symbols:[\s\S]*?\*\//.exec(read("src", "comet", "law.ts"))![0];
  for (const symbol of ["eb", "δ", "E_k", "m", "σ_ok", "share", "L̄", "N", "R", "a"]) {
    assert.ok(equations.includes(symbol), `law.ts no longer speaks of ${symbol}`);
    assert.ok(theory.includes(`\n| ${symbol} | `), `the glossary lacks ${symbol}`);
  }
});

test("every claim that the page names is in the ledger, and equations are numbered without gaps", () => {
  const ledger = read("proofs", "README.md");
  const named = new Set(
    [...theory.matchAll(/claims? ((?:[A-Z]\d+(?:, | and )?)+)/g)].flatMap(
      (match) => match[1]!.match(/[A-Z]\d+/g)!,
    ),
  );
  assert.ok(named.size >= 15);
  for (const id of named) assert.ok(ledger.includes(`| ${id} |`), `claim ${id}`);
  const numbers = [...theory.matchAll(/^ {4}\(T(\d+)\)/gm)].map((match) => Number(match[1]));
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, i) => i + 1),
  );
});
