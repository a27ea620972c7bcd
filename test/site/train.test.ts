/** The training bench in real browsers: its weights are Node's, memory runs out as designed, an export is a run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import type { Page } from "puppeteer-core";
import type { PageServer } from "../../examples/browser/serve.js";
import { openDataset } from "../../src/data/open.js";
import { decodeSafetensors, readSafetensors } from "../../src/files/safetensors.js";
import { readRun } from "../../src/runs/run.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { missing } from "../repo/browser.js";
import { close, launch, names, open, served, violations } from "./browsers.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "comet-site-"));
let site: PageServer;
before(async () => {
  site = await served();
});
after(() => {
  close(site);
  rmSync(folder, { recursive: true, force: true });
});

/** The weights that Node trains with these settings. */
async function weightsInNode(settings: Partial<Settings>): Promise<string> {
  const dataset = await openDataset("fashion-mnist");
  const session = createSession({ epochs: 50, ...settings, threads: 2 }, dataset);
  try {
    return (await train(session)).weights;
  } finally {
    await session.close();
    await dataset.close();
  }
}

/** Sets a control as a visitor does. */
const set = (page: Page, name: string, value: string, at = 0): Promise<unknown> =>
  page.evaluate(`{
    const control = document.querySelectorAll('[name=${name}]')[${at}];
    control.value = "${value}";
    control.dispatchEvent(new Event("input", { bubbles: true }));
    control.dispatchEvent(new Event("change", { bubbles: true }));
  }`);

const state = (page: Page, store: string, wanted: string) =>
  page.waitForSelector(`[data-store=${store}][data-state=${wanted}]`, { timeout: 240_000 });

const text = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? "");

/** Keeps the files that the page gives to its visitor, where the test can read them. */
const keepDownloads = `
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    const reader = new FileReader();
    reader.onload = () => { window.kept = reader.result; };
    if (blob.type === "application/zip") reader.readAsDataURL(blob);
    return make(blob);
  };`;

/** Presses a run's button, and unpacks the file into a folder, which is returned. */
async function exported(page: Page, store: string): Promise<string> {
  await page.click(`[data-store=${store}] button`);
  await page.waitForFunction("window.kept !== undefined");
  const zip = Buffer.from(String(await page.evaluate("window.kept")).split(",")[1]!, "base64");
  for (const [path, bytes] of Object.entries(unzipSync(zip))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  return join(folder, `lenet-${store}-b64-s1`);
}

const replay = (run: string, ...options: string[]): string =>
  execFileSync(process.execPath, [main, "replay", run, ...options], { encoding: "utf8" });

for (const name of names) {
  test(`${name}: 50 steps give Node's weights, and what is exported is a run that Node replays`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints, outside } = await open(browser, site.address, "train.html");
      await page.waitForSelector("html[data-bench=ready]");
      await page.evaluate(keepDownloads);
      await set(page, "model", "lenet");
      await page.click("#go");
      const settings = { model: "lenet", steps: 50, memory: "40MiB" } as const;
      for (const store of ["plain", "comet"] as const) {
        const wanted = await weightsInNode({ ...settings, store });
        const element = (await state(page, store, "done"))!;
        assert.equal(await element.evaluate((lane) => lane.getAttribute("data-weights")), wanted, store);
      }
      assert.deepEqual(await violations(page), []);

      const run = await exported(page, "comet");
      const { manifest, records } = readRun(run);
      assert.equal(records.filter(({ kind }) => kind === "step").length, 50);
      assert.ok((await readSafetensors(join(run, "weights.safetensors"))).tensors.size > 4);
      assert.match(
        replay(run),
        new RegExp(`50 losses, weights after 1 epochs\\nweights +${manifest.weights}`),
      );
      assert.deepEqual([complaints, outside], [[], []]);
    } finally {
      await browser.close();
    }
  });

  test(`${name}: a larger batch leaves plain without memory and comet training; one step is one step; a tensor opens`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints } = await open(browser, site.address, "train.html");
      await page.waitForSelector("html[data-bench=ready]");
      await page.click("#step");
      await state(page, "plain", "paused");
      await state(page, "comet", "paused");
      assert.match(await text(page, "[data-store=plain] .number"), /^paused, step 1 of 50/);
      await set(page, "batch", "128");
      await state(page, "plain", "failed");
      await state(page, "comet", "paused");
      assert.match(
        await text(page, "[data-store=plain] .error"),
        /expected .* more of the device's 40\.0 MiB.*use a smaller batch, a larger device memory, or the store recompute or comet/,
      );
      assert.ok(await page.$("[data-store=plain] .memory-bar.overflow"));
      assert.deepEqual(await violations(page), []);
      const peak = await page.$eval("[data-store=comet] [data-peak]", (bar) => bar.getAttribute("data-peak"));
      assert.ok(Number(peak) < 40 * 2 ** 20);
      await page.waitForSelector("#batches svg");

      await page.select("#tensor-run", "comet");
      await page.click("#open");
      await page.waitForSelector("#opened a");
      const bytes = (await page.evaluate(`caches.open("handover of comet-ts")
        .then((cache) => cache.match("/handover.safetensors"))
        .then((answer) => answer.arrayBuffer())
        .then((bytes) => [...new Uint8Array(bytes)])`)) as number[];
      const [[tensorName, { shape }]] = decodeSafetensors(Uint8Array.from(bytes), "handed over")
        .tensors as unknown as [[string, { shape: number[] }]];
      assert.match(tensorName, /of comet, step 1$/);
      assert.equal(shape[0], 4);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });

  test(`${name}: own images train, a damaged one is refused with its name, and the run on them replays in Node`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints } = await open(browser, site.address, "train.html");
      await page.waitForSelector("html[data-bench=ready]");
      await page.evaluate(keepDownloads);
      const give = (files: string) =>
        page.evaluate(`(async () => {
          const drawn = async (name, paint) => {
            const canvas = new OffscreenCanvas(60, 40);
            paint(canvas.getContext("2d"));
            return new File([await canvas.convertToBlob()], name);
          };
          const transfer = new DataTransfer();
          for (const file of await ${files}) transfer.items.add(file);
          const input = document.querySelector("#images");
          input.files = transfer.files;
          input.dispatchEvent(new Event("change", { bubbles: true }));
        })()`);
      await give(`Promise.all([new File(["not an image"], "broken.png"), new File(["nor this"], "b.png")])`);
      await page.waitForSelector("#problem:not([hidden])");
      assert.match(await text(page, "#problem"), /^broken\.png: expected an image .*; leave it out/);
      await give(`Promise.all([
        drawn("bars.png", (c) => { for (let i = 0; i < 60; i += 8) { c.fillStyle = "red"; c.fillRect(i, 0, 4, 40); } }),
        drawn("disc.png", (c) => { c.fillStyle = "white"; c.arc(30, 20, 15, 0, 7); c.fill(); }),
      ])`);
      await page.waitForFunction(`document.querySelector("#images-state").textContent.includes("disc.png")`);
      await set(page, "model", "lenet");
      await set(page, "steps", "20");
      await page.click("#go");
      await state(page, "comet", "done");
      const run = await exported(page, "comet");
      const { weights } = readRun(run).manifest;
      const printed = replay(run, "--data", join(run, "data"));
      assert.ok(printed.includes("20 losses") && printed.includes(weights!), printed);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}
