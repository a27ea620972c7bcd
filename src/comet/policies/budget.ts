/** The least noise in a given number of bytes. */
import { parseBytes } from "../../device/ledger.js";
import { text } from "../../setting.js";
import { policyKind } from "../policy.js";
import { law } from "./law.js";

const savedBytes = text("bytes", {
  default: "",
  promise: true,
  help: "the most that policy budget may save; unless given, what the memory leaves",
  example: { policy: "budget", savedBytes: "512MiB" },
});

export const budgetKind = policyKind({
  name: "budget",
  help: "the least noise in a given number of bytes",
  settings: {
    savedBytes: {
      ...savedBytes,
      expected: "an amount of bytes above 0",
      accepts: (value) => value === "" || (typeof value === "string" && (parseBytes(value) ?? 0) > 0),
    },
  },
  create: ({ savedBytes }) => ({
    ...law,
    name: "budget",
    limits: "bytes",
    savedBytes: parseBytes(savedBytes) ?? 0,
  }),
});
