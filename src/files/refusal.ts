/** What the system says when it does not write, as an error of this program. */
import { dirname } from "node:path";
import { CometError, DiskError, UsageError } from "../error.js";

/** What ends a write although the place and the permissions are right, and what helps. */
const exhausted: Readonly<Record<string, readonly [got: string, remedy: string]>> = {
  ENOSPC: ["a full disk", "free space there"],
  EDQUOT: ["a quota that is used up", "free space there"],
  EFBIG: ["the limit of a file's size", "raise it (ulimit -f), or write to another disk"],
};

/** A DiskError if the disk takes no more, a UsageError if nothing can be written at `path`; a CometError stays as it is. */
export function refusal(path: string, cause: unknown): CometError {
  if (cause instanceof CometError) return cause;
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const [got, remedy] = exhausted[code] ?? [];
  if (got && remedy)
    return new DiskError({ where: path, expected: "space for what is written", got, remedy });
  return new UsageError({
    where: path,
    expected: "a file that can be written",
    // "ENOENT: no such file or directory, open '…'": the path is told already.
    got: code ? message.split(", ")[0]! : message,
    remedy: `make ${dirname(path)} a writable folder or choose another`,
  });
}
