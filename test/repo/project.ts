/** Empty projects with the packages as npm would install them, and what the compiler and Node make of files there. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const compiler = join(root, "node_modules/typescript/bin/tsc");

export interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  sideEffects: false | string[];
}

export const manifestOf = (path: string): Manifest =>
  JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;

/** Packs both packages from the present build into a folder; returns the paths of the tarballs. */
export function packInto(folder: string): { library: string; codec: string } {
  const printed = execFileSync(process.execPath, [join(root, ".ci/pack.mjs"), folder], { encoding: "utf8" });
  const [library, codec] = printed.trim().split("\n");
  return { library: library!, codec: codec! };
}

/** Unpacks a tarball into a project, and links the packages that it depends on, so that no network is needed. */
export function install(tarball: string, project: string): void {
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", modules]);
  const unpacked = join(modules, "package");
  const { name, dependencies = {} } = manifestOf(unpacked);
  renameSync(unpacked, join(modules, name));
  for (const dependency of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(join(root, "node_modules", dependency), join(modules, dependency), "dir");
  }
}

/** Writes a file of a project and returns its path. */
export function write(project: string, name: string, text: string): string {
  const path = join(project, name);
  writeFileSync(path, text);
  return path;
}

/** Runs a file with Node in a project, and returns what it prints. */
export const run = (project: string, file: string): string =>
  execFileSync(process.execPath, [file], { cwd: project, encoding: "utf8" }).trim();

/**
 * What the compiler has to say of files of a project, under the strictest settings and without Node's types. With
 * `emit` it also writes the compiled files beside them.
 */
export function complaints(
  project: string,
  files: string | readonly string[],
  module: string,
  resolution: string,
  emit = false,
): string {
  const flags = [
    ...(emit ? [] : ["--noEmit"]),
    "--strict",
    "--skipLibCheck",
    "false",
    "--target",
    "es2023",
    "--lib",
    "es2023,dom",
    "--module",
    module,
    "--moduleResolution",
    resolution,
  ];
  const { stdout } = spawnSync(process.execPath, [compiler, ...flags, ...[files].flat()], {
    cwd: project,
    encoding: "utf8",
  });
  return stdout;
}
