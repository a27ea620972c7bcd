/**
 * Packs what `npm run build` has built into two tarballs, and prints their paths: comet-ts, and comet-ts-codec, which is
 * the same compiled codec without any dependency (docs/decisions/codec-package.md).
 *
 *   node .ci/pack.mjs FOLDER
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The tarball of the package in a folder. */
function pack(folder, target) {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", target];
  const [{ filename }] = JSON.parse(execFileSync("npm", args, { cwd: folder, encoding: "utf8" }));
  return join(target, filename);
}

/** A compiled module's file, those of the modules that it or its types import, and so on. */
function closure(entry) {
  const files = new Set();
  const follow = (file) => {
    if (files.has(file)) return;
    files.add(file);
    for (const [, name] of readFileSync(join(root, file), "utf8").matchAll(
      /(?:from|import) ?\(?"(\.[^"]+)\.js"/g,
    )) {
      const module = join(dirname(file), name);
      follow(`${module}.js`);
      follow(`${module}.d.ts`);
    }
  };
  follow(`${entry}.js`);
  follow(`${entry}.d.ts`);
  return [...files];
}

/** With each compiled module, its source map and, but for the generated one, its source. */
const companions = (file) =>
  file.endsWith(".js") ? [`${file}.map`, file.replace(/^dist\/(.*)\.js$/, "$1.ts")] : [];

function stageCodec(stage) {
  const compiled = closure("dist/src/codec/index");
  const files = [...compiled, ...compiled.flatMap(companions), "LICENSE", "docs/format.md", "docs/bound.md"];
  for (const file of files) {
    if (file === "src/codec/binary.ts" || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(stage, file)), { recursive: true });
    cpSync(join(root, file), join(stage, file));
  }
  cpSync(join(root, "src/codec/README.md"), join(stage, "README.md"));
  const { version, license, type, engines, homepage, bugs, repository } = manifest;
  const own = {
    name: "comet-ts-codec",
    version,
    description:
      "An error-bounded lossy compressor for float32 tensors: TypeScript and WebAssembly SIMD, no dependencies",
    keywords: [
      "compression",
      "lossy-compression",
      "error-bounded",
      "float32",
      "tensor",
      "webassembly",
      "simd",
    ],
    homepage,
    bugs,
    repository,
    license,
    type,
    sideEffects: false,
    engines,
    exports: {
      ".": { types: "./dist/src/codec/index.d.ts", default: "./dist/src/codec/index.js" },
      "./package.json": "./package.json",
    },
  };
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(own, null, 2)}\n`);
}

const [folder] = process.argv.slice(2);
if (!folder || !existsSync(join(root, "dist/src/codec/index.js"))) {
  process.stderr.write("usage: npm run build && node .ci/pack.mjs FOLDER\n");
  process.exit(1);
}
const target = resolve(folder);
mkdirSync(target, { recursive: true });
const stage = mkdtempSync(join(tmpdir(), "comet-ts-codec-"));
try {
  stageCodec(stage);
  for (const from of [root, stage]) process.stdout.write(`${pack(from, target)}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
