/**
 * The examples and those of the README, as a user has them: in an empty strict project with the packed library. Each is
 * compiled against the published types alone, and prints what its comments say.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { complaints, install, packInto, run, write } from "./project.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "comet-examples-"));
const project = join(folder, "project");

const names = readdirSync(join(root, "examples")).filter((file) => file.endsWith(".ts"));
const sources = new Map(names.map((name) => [name, readFileSync(join(root, "examples", name), "utf8")]));
const readme = readFileSync(join(root, "README.md"), "utf8");
for (const [i, [, code]] of [...readme.matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].entries())
  sources.set(`readme-${i + 1}.ts`, code!);

before(() => {
  mkdirSync(project);
  install(packInto(folder).library, project);
  write(project, "package.json", '{ "type": "module" }');
  for (const [name, source] of sources) write(project, name, source);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("a strict project accepts all examples, with each resolution of modules", () => {
  const files = [...sources.keys()];
  assert.equal(complaints(project, files, "esnext", "bundler"), "");
  assert.equal(complaints(project, files, "nodenext", "nodenext", true), "");
});

for (const [name, source] of sources) {
  test(`${name} prints what it says, in at most forty lines that import the library alone`, () => {
    assert.ok(source.trim().split("\n").length <= 40);
    for (const [, from] of source.matchAll(/ from "([^"]+)"/g)) assert.match(from!, /^comet-ts(\/codec)?$/);
    const expected = [...source.matchAll(/\/\/ prints (.*)/g)].map((match) => match[1]!.trim());
    assert.ok(expected.length > 0);
    assert.deepEqual(run(project, name.replace(/\.ts$/, ".js")).split("\n"), expected);
  });
}
