/** The command line on folders of photographs: what is refused names the file and the options that help. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encode as encodePng } from "fast-png";
import { makeImageFolder, scene } from "../data/images.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

test("comet train refuses an image of too many pixels, takes it when told, and leaves it out with --skip-bad", async (t) => {
  const root = await makeImageFolder(t);
  const large = join(root, "train", "cat", "b.png");
  writeFileSync(large, encodePng({ ...scene(90, 90, 9), channels: 3 }));
  const train = (...more: string[]) => {
    const given = ["--model", "resnet8", "--data", root, "--image", "32", "--batch", "7", "--steps", "1"];
    const args = [main, "train", ...given, "--out", join(root, "runs"), "--threads", "1", "--json", ...more];
    return spawnSync(process.execPath, args, { encoding: "utf8" });
  };
  const refused = train("--max-pixels", "5000");
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /b\.png: expected an image of at most 5000 pixels, got 90 × 90; .*--max-pixels.*--skip-bad\n$/,
  );
  const taken = train("--max-pixels", "8100");
  assert.equal(taken.status, 0, taken.stderr);
  const { path, skipped } = JSON.parse(taken.stdout);
  assert.deepEqual(skipped, []);
  assert.equal(JSON.parse(readFileSync(join(path, "manifest.json"), "utf8")).data.maxPixels, 8100);
  const left = train("--max-pixels", "5000", "--skip-bad");
  assert.equal(left.status, 0, left.stderr);
  assert.deepEqual(JSON.parse(left.stdout).skipped, [large]);
});
