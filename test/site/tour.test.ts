/** The tour and the book: their figures show the library's own numbers, and every link of theirs leads somewhere. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "puppeteer-core";
import type { PageServer } from "../../examples/browser/serve.js";
import { chapterHtml, chapters, slug } from "../../examples/site/book/chapter.js";
import { formulas } from "../../examples/site/book/formulas.js";
import { root, sourceOf } from "../../examples/site/book/sources.js";
import { short } from "../../examples/site/number.js";
import { pages } from "../../examples/site/pages.js";
import { decode, encode } from "../../src/codec/index.js";
import { readSafetensors } from "../../src/files/safetensors.js";
import { missing } from "../repo/browser.js";
import { close, launch, names, open, overflows, served, violations } from "./browsers.js";
import { builtSite } from "./built.js";

let folder = "";
let site: PageServer;
before(async () => {
  folder = await builtSite();
  site = await served();
});
after(() => close(site));

test("every equation of the theory is a formula, and every claim has a place of its own", () => {
  const theory = chapterHtml("docs/theory.md");
  for (const id of Object.keys(formulas)) assert.ok(theory.includes(`id="${id}"`), id);
  const ledger = readFileSync(join(root, "proofs/README.md"), "utf8");
  const claims = chapterHtml("proofs/README.md");
  const ids = [...ledger.matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, id]) => id!);
  assert.ok(ids.length > 40);
  for (const id of ids) assert.ok(claims.includes(`<td id="${id}">`), id);
  // A claim that is proved or tested leads to the line of its lemma, its law or its code.
  for (const row of claims.match(/<tr>\s*<td id=[\s\S]*?<\/tr>/g)!) {
    if (/<td>(?:proved|tested)<\/td>/.test(row)) assert.match(row, /blob\/main\/[^"]+#L\d+"/, row);
  }
});

test("a source in backquotes leads to its line, and other words lead nowhere", () => {
  const lineAt = (address: string | null) => {
    const [, path, line] = /blob\/main\/(.*)#L(\d+)$/.exec(address ?? "") ?? [];
    return readFileSync(join(root, path!), "utf8").split("\n")[Number(line) - 1];
  };
  assert.match(lineAt(sourceOf("src/codec/stages/quantize.ts:quantize"))!, /function quantize\b/);
  assert.match(lineAt(sourceOf("Quantize.round_trip"))!, /(?:Theorem|Lemma) round_trip\b/);
  assert.equal(sourceOf("--probe-every"), null);
  assert.equal(sourceOf("src/gone.ts"), null);
});

test("a link within the site leads to a page, and to a place on it", () => {
  const htmlOf = (name: string) => readFileSync(join(folder, `${name}.html`), "utf8");
  assert.equal(slug("What the guarantee does not cover"), "what-the-guarantee-does-not-cover");
  for (const { name } of pages) {
    for (const [, href] of htmlOf(name).matchAll(/<a [^>]*?href="([^"]+)"/g)) {
      if (/^https:/.test(href!)) continue;
      const [path, hash] = href!.split("#");
      const file = path === "" ? `${name}.html` : path!.replace("./", "");
      assert.ok(existsSync(join(folder, file)), `${name}: ${href}`);
      if (hash)
        assert.ok(readFileSync(join(folder, file), "utf8").includes(`id="${hash}"`), `${name}: ${href}`);
    }
  }
  assert.deepEqual(
    Object.values(chapters).filter((name) => !pages.some((page) => page.name === name)),
    [],
  );
});

/** Goes down a page, so that each of its figures is drawn. */
async function drawn(page: Page, selector: string): Promise<void> {
  await page.$eval(selector, (figure) => figure.scrollIntoView());
  await page.waitForSelector(`${selector}[data-drawn] dd, ${selector}[data-drawn] table`, {
    timeout: 120_000,
  });
}

const fact = (page: Page, selector: string, at: number): Promise<string> =>
  page.$$eval(`${selector} dd`, (all, i) => all[i as number]!.textContent ?? "", at);

for (const name of names) {
  test(`${name}: the figures show what the library computes, and follow their sliders`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const { tensors } = await readSafetensors(join(folder, "data/samples.safetensors"));
    const { shape, data } = tensors.get("x/bn1")!;
    const browser = await launch(name);
    try {
      const { page, complaints, outside } = await open(browser, site.address, "index.html");
      for (const figure of ["kept", "bound", "zeros", "shape", "adding", "tolerated"])
        await drawn(page, `#figure-${figure}`);
      for (const position of [-0.7, -2]) {
        const bound = 10 ** position;
        const frame = encode(data, { bound, shape, quantizer: "dithered", mode: "auto" });
        const decoded = decode(frame);
        const worst = data.reduce((most, x, i) => Math.max(most, Math.abs(x - decoded[i]!)), 0);
        await page.evaluate(`{
          const slider = document.querySelector("#figure-bound input");
          slider.value = "${position}";
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }`);
        const wanted = `${short((4 * data.length) / frame.length)} times`;
        await page.waitForFunction(
          `document.querySelectorAll("#figure-bound dd")[2].textContent === ${JSON.stringify(wanted)}`,
        );
        assert.equal(await fact(page, "#figure-bound", 0), short(worst / bound));
      }
      // The law's prediction and the measurement agree within what 400 draws resolve at five deviations.
      assert.ok(Math.abs(Number(await fact(page, "#figure-adding", 2)) - 1) < 5 / Math.sqrt(2 * 400));
      // With dither the variance is a third of the square of the bound; on a flat background without it there is none.
      assert.ok(Math.abs(Number(await fact(page, "#figure-shape", 1)) - 1) < 0.05);
      await page.select("#figure-shape select", "flat");
      await page.click("#figure-shape [name=dither]");
      await page.waitForFunction(`document.querySelectorAll("#figure-shape dd")[1].textContent === "0"`);
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflows(page), false);

      await page.click("#figure-notice button");
      await page.waitForSelector("#figure-notice[data-weights]", { timeout: 240_000 });
      assert.deepEqual([complaints, outside], [[], []]);
    } finally {
      await browser.close();
    }
  });

  test(`${name}: the theory's figures draw where the equations stand`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints } = await open(browser, site.address, "theory.html", 390);
      for (const figure of ["kept", "adding", "shape", "tolerated", "bound"])
        await drawn(page, `#figure-${figure}`);
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflows(page), false);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}
