/** The page of reports: what it draws of files that comet-ts wrote, and what it says of others. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "puppeteer-core";
import type { PageServer } from "../../examples/browser/serve.js";
import { reportHtml } from "../../src/report/write.js";
import { missing } from "../repo/browser.js";
import { figuresOf } from "../report/drawn.js";
import { makeRun } from "../report/runs.js";
import { close, launch, names, open, overflows, served, violations } from "./browsers.js";

let site: PageServer;
before(async () => {
  site = await served();
});
after(() => close(site));

/** Opens files on the page, as a visitor does who chooses them. */
const give = (page: Page, files: Readonly<Record<string, string>>): Promise<unknown> =>
  page.evaluate(`{
    const transfer = new DataTransfer();
    for (const [name, text] of Object.entries(${JSON.stringify(files)})) transfer.items.add(new File([text], name));
    const input = document.querySelector("#files");
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }`);

for (const name of names) {
  test(`${name}: reports are drawn together with all their figures, and other files are refused`, {
    skip: missing(name),
    timeout: 600_000,
  }, async () => {
    const [plain, comet] = [reportHtml([makeRun("plain")]), reportHtml([makeRun("comet")])];
    const browser = await launch(name);
    try {
      const { page, complaints, outside } = await open(browser, site.address, "compare.html");
      const refusal = async () => {
        await page.waitForSelector("#problem:not([hidden])");
        return page.$eval("#problem", (element) => element.textContent ?? "");
      };
      await give(page, { "notes.html": "<title>Notes</title>" });
      assert.match(
        await refusal(),
        /^notes\.html: expected a report with its data, got a page with the title "Notes"; open/,
      );
      await give(page, { "cut.html": comet.slice(0, comet.indexOf('id="data">') + 200) });
      assert.match(await refusal(), /^cut\.html: expected .*; open the report/);
      await give(page, { "damaged.html": comet.replace('"label":', '"lable":') });
      assert.match(await refusal(), /^damaged\.html.*label.*; open the report/);

      await give(page, { "a.html": plain, "b.html": comet });
      await page.waitForSelector("#report[data-drawn='2']");
      const drawn = (await page.evaluate(`[...document.querySelectorAll("[data-figure]")].map((box) => [
        box.dataset.figure, box.querySelector("svg") !== null && !box.textContent.includes("could not be drawn"),
      ])`)) as [string, boolean][];
      assert.deepEqual(
        drawn,
        figuresOf(comet).map((figure) => [figure, true]),
      );
      assert.equal(await page.$$eval("#report tbody th .key", (keys) => keys.length), 2);
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflows(page), false);
      await page.setViewport({ width: 390, height: 844 });
      assert.equal(await overflows(page), false);
      assert.deepEqual([complaints, outside], [[], []]);

      // The same report once more: its run has a name of its own.
      await give(page, { "b.html": comet });
      await page.waitForSelector("#report[data-drawn='3']");
      const labels = await page.$$eval("#report tbody th", (cells) => cells.map((cell) => cell.textContent));
      assert.equal(new Set(labels.slice(0, 3)).size, 3);
      await page.click("#clear");
      assert.match(await page.$eval("#state", (state) => state.textContent ?? ""), /No report is open/);
    } finally {
      await browser.close();
    }
  });
}
