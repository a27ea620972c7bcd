/** A setting that promises a limit is kept or refused, whatever else is chosen; and the refusal says what would read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policies } from "../../src/comet/policies/registry.js";
import { UsageError } from "../../src/error.js";
import { reads, storeNames } from "../../src/stores/registry.js";
import { checkRun, defaults, type Settings } from "../../src/training/settings.js";

const promises = { bound: 0.5, savedBytes: "1MiB", policy: "spread" } as const;

test("a promise is refused exactly where a run would not read it", () => {
  let refused = 0;
  for (const store of storeNames)
    for (const { name: policy } of policies)
      for (const [name, value] of Object.entries(promises)) {
        const settings: Settings = { ...defaults, store, policy, [name]: value };
        if (reads(settings, name) && reads(settings, "policy")) checkRun(settings);
        else {
          refused++;
          assert.throws(
            () => checkRun(settings),
            (error: Error) => {
              assert.ok(error instanceof UsageError, String(error));
              return /which reads it, got settings\.(store|policy)/.test(error.message);
            },
          );
        }
      }
  assert.ok(refused > 10);
});

test("where two choices would have to be others, the store is named first", () => {
  assert.throws(
    () => checkRun({ ...defaults, store: "plain", bound: 0.5 }),
    /settings\.bound: expected settings\.store comet-conv or comet or offload, which reads it, got settings\.store plain/,
  );
});
