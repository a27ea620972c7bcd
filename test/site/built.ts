/** The site, built once for all test files, and again when anything that it is made of has changed. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildSite, siteFolder } from "../../examples/site/build.js";
import { UsageError } from "../../src/error.js";
import { takeLock } from "../../src/files/lock.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const made = [
  "dist/src",
  "dist/examples/site",
  "examples/site",
  "docs",
  "build/comet.wasm",
  "package-lock.json",
];
const stamp = join(root, "build/site.stamp");

function filesOf(path: string): string[] {
  try {
    return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".map"))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch {
    return [join(root, path)];
  }
}

function hashOfParts(): string {
  const hash = createHash("sha256");
  for (const file of made.flatMap(filesOf)) hash.update(file).update(readFileSync(file));
  return hash.digest("hex");
}

function built(): string {
  try {
    return readFileSync(stamp, "utf8");
  } catch {
    return "";
  }
}

/** Waits while another test file builds. */
async function locked(): Promise<() => void> {
  for (;;) {
    try {
      return takeLock(join(root, "build/site.lock"));
    } catch (cause) {
      if (!(cause instanceof UsageError)) throw cause;
      await setTimeout(200);
    }
  }
}

/** The folder of the built site. */
export async function builtSite(): Promise<string> {
  mkdirSync(join(root, "build"), { recursive: true });
  const free = await locked();
  try {
    const hash = hashOfParts();
    if (built() !== hash) {
      writeFileSync(stamp, "");
      await buildSite();
      writeFileSync(stamp, hash);
    }
  } finally {
    free();
  }
  return siteFolder;
}
