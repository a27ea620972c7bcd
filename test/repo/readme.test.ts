/** The README keeps its word: its examples print what their comments say, and the commands it names exist. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!);

test("the README has an example of a session and one of the codec alone", () => {
  assert.deepEqual(
    examples.map((code) => /from "([^"]+)"/.exec(code)![1]),
    ["comet-ts", "comet-ts/codec"],
  );
});

for (const [i, code] of examples.entries()) {
  test(`example ${i + 1} prints what it says`, () => {
    assert.ok(code.split("\n").filter((line) => line.trim() !== "").length <= 12);
    const expected = [...code.matchAll(/\/\/ prints (.*)/g)].map((match) => match[1]!.trim());
    assert.ok(expected.length >= 1);
    // Inside the package, so that its own name resolves to it.
    const folder = mkdtempSync(join(root, "dist", "readme-"));
    try {
      writeFileSync(join(folder, "example.mjs"), code);
      const printed = execFileSync(process.execPath, [join(folder, "example.mjs")], {
        encoding: "utf8",
        cwd: folder,
      });
      assert.deepEqual(printed.trim().split("\n"), expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("the command lines it shows work, in this order", (t) => {
  const [, block] = /```sh\n(npm run comet[\s\S]*?)```/.exec(readme)!;
  const folder = mkdtempSync(join(root, "dist", "readme-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const comet = `"${process.execPath}" "${join(root, "dist", "src", "cli", "main.js")}"`;
  const lines = block!.trim().split("\n");
  assert.ok(lines.length > 3);
  for (const line of lines.filter((line) => !line.includes(" train "))) {
    execFileSync("sh", ["-c", line.replace("npm run comet --", comet)], { cwd: folder, stdio: "pipe" });
  }
  assert.ok(existsSync(join(folder, "x.cmt")));
  assert.doesNotMatch(readme, /npx comet/, "npx builds the package anew before it runs");
});

test("the README has no placeholder left", () => {
  assert.doesNotMatch(readme, /^[A-Z]+$/m);
});

test("every npm script that the README names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
  for (const name of named) assert.ok(name in scripts, `npm run ${name}`);
  for (const path of readme.matchAll(/`((?:src|docs|proofs|test|assembly|examples)\/[\w./-]+)`/g)) {
    assert.ok(existsSync(join(root, path[1]!)), path[1]);
  }
});
