/** The commands that measure memory: what they print, and the search for the largest batch. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { largest } from "../src/cli/maxbatch.js";
import { models } from "../src/models/models.js";
import { torchSavedBytes } from "../src/models/torch.js";

const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const comet = (...args: string[]) => execFileSync(process.execPath, [main, ...args], { encoding: "utf8" });

test("the largest batch that fits is found, whatever it is", async () => {
  for (let limit = 0; limit <= 20; limit++) {
    assert.equal(await largest(16, async (n) => n <= limit), Math.min(limit, 16), `limit ${limit}`);
  }
});

test("comet memory tells each store's bytes, and says that its input is random", () => {
  const printed = comet("memory", "--model", "resnet8", "--batch", "2", "--image", "16", "--threads", "1");
  assert.match(printed, /^resnet8, batch 2, 16 × 16, random input/);
  for (const store of ["plain", "lean", "comet-conv", "comet"])
    assert.match(printed, new RegExp(`│ ${store} +│`));
});

test("comet max-batch finds that more fits when less is kept", () => {
  const printed = comet(
    ...[
      "max-batch",
      "--model",
      "resnet8",
      "--image",
      "32",
      "--memory",
      "4MiB",
      "--threads",
      "1",
      "--most",
      "8",
    ],
  );
  const batch = (store: string) => Number(new RegExp(`│ ${store} +│ +(\\d+)`).exec(printed)![1]);
  assert.ok(batch("plain") > 0 && batch("lean") > batch("plain") && batch("comet") > batch("plain"), printed);
});

test("PyTorch's bytes are known of networks that there are", () => {
  for (const model of Object.keys(torchSavedBytes)) assert.ok(model in models, model);
});
