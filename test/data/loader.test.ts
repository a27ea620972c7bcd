/** Workers that load images are closed whenever that may be. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encode } from "fast-png";

const folder = mkdtempSync(join(tmpdir(), "comet-loader-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a loader closes while answers are on their way, and they come all the same", () => {
  const path = join(folder, "picture.png");
  const data = Uint8Array.from({ length: 20 * 24 * 3 }, (_, i) => i % 251);
  writeFileSync(path, encode({ width: 24, height: 20, channels: 3, data }));
  // A process of its own: if nothing keeps it alive it ends before the loader has closed, and says so by its exit code.
  const code = `
    import { createLoader } from ${JSON.stringify(new URL("../../src/data/loader.js", import.meta.url).href)};
    const task = { path: ${JSON.stringify(path)}, settings: { size: 16, resize: 18 }, draws: null, maxPixels: 1e6 };
    for (let i = 0; i < 4; i++) {
      const loader = createLoader(1);
      await loader.load(task);
      const answers = Array.from({ length: 4 }, () => loader.load(task));
      // They arrive while this thread sleeps, and are looked at after it has begun to close.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      await loader.close();
      for (const planes of await Promise.all(answers)) console.log(planes.length);
    }`;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
  });
  assert.equal(status, 0);
  assert.deepEqual(new Set(stdout.trim().split("\n")), new Set([String(3 * 16 * 16)]));
});
