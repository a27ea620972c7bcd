/** Turns the system's error of a failed write into an error of this program. */
import { dirname } from "node:path";
import { CometError, DiskError, UsageError } from "../error.js";

/** Errors of a write for which the place and the permissions are right, and their remedies. */
const exhausted: Readonly<Record<string, readonly [got: string, remedy: string]>> = {
  ENOSPC: ["a full disk", "free space there"],
  EDQUOT: ["a quota that is used up", "free space there"],
  EFBIG: ["the limit of a file's size", "raise it (ulimit -f), or write to another disk"],
};

/** Returns a DiskError if the disk takes no more, else a UsageError. A CometError is returned unchanged. */
export function refusal(path: string, cause: unknown): CometError {
  if (cause instanceof CometError) return cause;
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const [got, remedy] = exhausted[code] ?? [];
  if (got && remedy)
    return new DiskError({ where: path, expected: "space for what is written", got, remedy });
  return new UsageError({
    where: path,
    expected: "a file that can be written",
    // "ENOENT: no such file or directory, open '…'": `where` names the path already.
    got: code ? message.split(", ")[0]! : message,
    remedy: `make ${dirname(path)} a writable folder or choose another`,
  });
}
