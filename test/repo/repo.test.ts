/** The repository's own laws: layers, names, sizes of files. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mutants } from "../mutants/mutations.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

function filesBelow(folder: string, extension: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));
}

/** From low to high; a file belongs to the first entry that is its name or a folder above it. */
const layers: readonly (readonly string[])[] = [
  ["error.ts", "rng.ts", "suggest.ts", "setting.ts"],
  ["files/"],
  ["device/"],
  ["codec/"],
  ["kernels/"],
  ["engine/"],
  ["noise/"],
  ["ops/"],
  ["nn/"],
  ["data/"],
  ["models/"],
  ["comet/"],
  ["stores/"],
  ["training/"],
  ["runs/"],
  ["experiments/"],
  ["report/"],
  ["cli/", "index.ts", "browser.ts"],
];

function layerOf(file: string): number {
  const layer = layers.findIndex((members) =>
    members.some((member) => (member.endsWith("/") ? file.startsWith(member) : file === member)),
  );
  assert.notEqual(layer, -1, `src/${file} belongs to no layer; add it to test/repo/repo.test.ts`);
  return layer;
}

/** Imports that exist at run time or in types, as paths below src. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, "src", file), "utf8");
  const text = source.replaceAll('"#platform"', `"./${relative(dirname(file), "device/platform.js")}"`);
  const found = [...text.matchAll(/from "(\.[^"]+)\.js"/g), ...text.matchAll(/import\("(\.[^"]+)\.js"\)/g)];
  return found.map((match) => normalize(join(dirname(file), `${match[1]}.ts`)));
}

/** The names of files below src that import a higher layer. */
function climbers(imports: (file: string) => string[]): string[] {
  return filesBelow("src", ".ts")
    .map((file) => relative("src", file))
    .filter((file) => imports(file).some((target) => layerOf(target) > layerOf(file)));
}

test("a lower layer never imports a higher one", () => {
  assert.deepEqual(climbers(importsOf), []);
});

test("the layer law catches a climber", () => {
  const withClimber = (file: string) =>
    file === "engine/tensor.ts" ? ["training/loop.ts"] : importsOf(file);
  assert.deepEqual(climbers(withClimber), ["engine/tensor.ts"]);
});

/** Files that import each other in a circle, as a path that ends where it began; null where there is none. */
function circle(imports: (file: string) => string[]): string[] | null {
  const settled = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (settled.has(file)) return null;
    for (const target of imports(file)) {
      const found = visit(target, [...path, file]);
      if (found) return found;
    }
    settled.add(file);
    return null;
  };
  for (const file of filesBelow("src", ".ts").map((file) => relative("src", file))) {
    const found = visit(file, []);
    if (found) return found;
  }
  return null;
}

test("no files import each other in a circle", () => {
  assert.deepEqual(circle(importsOf), null);
});

test("the circle law catches a circle", () => {
  const bent = (file: string) => (file === "error.ts" ? ["engine/op.ts"] : importsOf(file));
  assert.equal(circle(bent)?.at(-1), circle(bent)?.[0]);
});

test("the codec imports nothing but the errors", () => {
  const outside = filesBelow("src/codec", ".ts")
    .map((file) => relative("src", file))
    .flatMap(importsOf)
    .filter((target) => !target.startsWith("codec/") && target !== "error.ts");
  assert.deepEqual(outside, []);
});

test("random numbers come from rng.ts alone, so that a run has no other state to keep", () => {
  const others = filesBelow("src", ".ts").filter((file) =>
    /Math\.random|random(Bytes|UUID|Int|FillSync)|getRandomValues|"pure-rand/.test(
      readFileSync(join(root, file), "utf8"),
    ),
  );
  assert.deepEqual(others, [join("src", "rng.ts")]);
});

/** What ECMAScript leaves to the engine: its bits may differ from one to the next. */
const approximate = /Math\.(log|exp|pow|sin|cos|tan|asin|acos|atan|sinh|cosh|tanh|cbrt|hypot)[0-9a-z]*\(/;

test("no number of a run comes from a function whose bits an engine may choose", () => {
  const printed = ["src/codec/anatomy.ts", "src/device/ledger.ts"];
  const others = filesBelow("src", ".ts").filter(
    (file) =>
      approximate.test(readFileSync(join(root, file), "utf8")) && !/^src\/(report|experiments)\//.test(file),
  );
  assert.deepEqual(others, printed);
});

/** A call takes about a hundred thousand arguments; a file may hold more values. */
const spread =
  /\b(?:push|unshift|splice|min|max|of|concat|fromCharCode|fromCodePoint)\((?:[^()[\]{}]|\([^()]*\))*\.\.\./;

test("no data is spread over the arguments of a call", () => {
  const folders = [
    "cli",
    "data",
    "device",
    "files",
    "models",
    "nn",
    "report",
    "runs",
    "experiments",
    "training",
  ];
  const spreading = folders
    .flatMap((folder) => filesBelow(join("src", folder), ".ts"))
    .flatMap((file) =>
      readFileSync(join(root, file), "utf8")
        .split("\n")
        .filter((line) => spread.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  assert.deepEqual(spreading, []);
  assert.match("x.push(...files.map((path) => path));", spread);
  assert.match("Math.max(0, ...values)", spread);
});

test("whatever package the published types name is installed with them, and its types too", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const named = filesBelow("dist/src", ".d.ts").flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/(?:from |import\()"([^."][^"]*)"/g)].map(
      (m) => m[1]!,
    ),
  );
  assert.ok(named.includes("ndarray"));
  for (const name of named) {
    assert.ok(name in dependencies, name);
    assert.ok(!(`@types/${name}` in devDependencies), `@types/${name} must be a dependency`);
  }
});

test("no file is a drawer for odds and ends, and none is too long to be one concept", () => {
  const files = [...filesBelow("src", ".ts"), ...filesBelow("assembly", ".ts"), ...filesBelow("test", ".ts")];
  for (const file of files) {
    assert.doesNotMatch(file, /(util|helper|common|misc)s?(\/|\.ts$)/);
    const lines = readFileSync(join(root, file), "utf8").split("\n").length;
    assert.ok(lines <= 400, `${file} has ${lines} lines`);
  }
});

test("the heart stays small: few files at the root, short files, few members of what backward works with", () => {
  const files = filesBelow("src", ".ts").map((file) => relative("src", file));
  assert.ok(files.filter((file) => !file.includes("/")).length <= 8);
  for (const file of files.filter((file) => /^(engine|noise|stores|comet)\//.test(file))) {
    const lines = readFileSync(join(root, "src", file), "utf8").split("\n").length;
    assert.ok(lines < 250, `src/${file} has ${lines} lines`);
  }
  const op = readFileSync(join(root, "src", "engine", "op.ts"), "utf8");
  for (const name of ["Taking", "Backward"]) {
    const body = new RegExp(`export interface ${name}[^{]*\\{\n([\\s\\S]*?)\n\\}`).exec(op)![1]!;
    const members = body.match(/^ {2}(readonly )?\w+[(:?]/gm)!;
    assert.ok(members.length <= 10, `${name} has ${members.length} members: ${members}`);
  }
});

/** What only a store, and what chooses one, may name. */
const methods = /\bcomet\/|CometStore|"comet"/;

test("engine, ops, networks, training, runs and reports name no method of storing", () => {
  const others = filesBelow("src", ".ts").filter(
    (file) =>
      /^src\/(engine|noise|ops|nn|models|data|training|runs|report)\//.test(file) &&
      methods.test(readFileSync(join(root, file), "utf8")),
  );
  assert.deepEqual(others, [join("src", "training", "session.ts"), join("src", "training", "settings.ts")]);
});

test("each mutant finds the one place that it breaks", () => {
  for (const { file, fault, from } of mutants) {
    const places = readFileSync(join(root, "dist/src", `${file}.js`), "utf8").split(from).length - 1;
    assert.equal(places, 1, `${file}, "${fault}": "${from}"`);
  }
});
