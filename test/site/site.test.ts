/** What holds for every page of the site: its policy, its size, both browsers, both themes, phone and desktop, offline. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { PageServer } from "../../examples/browser/serve.js";
import { formula, policy } from "../../examples/site/layout.js";
import { pages } from "../../examples/site/pages.js";
import { missing } from "../repo/browser.js";
import { close, launch, names, open, overflows, served, type Theme, violations } from "./browsers.js";
import { builtSite } from "./built.js";

let folder = "";
let site: PageServer;
before(async () => {
  folder = await builtSite();
  site = await served();
});
after(() => close(site));

const read = (file: string) => readFileSync(join(folder, file), "utf8");

/**
 * The files that a page loads by itself: scripts, charts, workers, kernels. Data are in a folder of their own, and what the
 * codec bench needs to train comes with them when the reader asks for a network.
 */
function loadedBy(page: string): string[] {
  // The site's sessions have the strict profile.
  const assets = readdirSync(join(folder, "assets")).filter(
    (name) => !/^(comet\.fused|training-)/.test(name),
  );
  const found = new Set([page]);
  for (const file of found) {
    const text = read(file);
    for (const asset of assets) if (text.includes(asset)) found.add(`assets/${asset}`);
  }
  return [...found];
}

test("no page takes more than 300 kB before its data, packed by gzip", () => {
  for (const { name } of pages) {
    const files = loadedBy(`${name}.html`);
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
    assert.ok(files.length >= 3 && bytes <= 300_000, `${name}: ${bytes} bytes in ${files.join(", ")}`);
  }
});

test("every page has the policy, no inline script, no inline style, and nothing from elsewhere", () => {
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval';/);
  for (const { name } of pages) {
    const html = read(`${name}.html`);
    assert.ok(html.includes(policy), name);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/, name);
    assert.doesNotMatch(
      html,
      /(?:src|href)="(?:https?:)?\/\//.test(html) ? /(?:src)="(?:https?:)?\/\// : /^$/,
      name,
    );
  }
});

test("a formula becomes MathML, and one that is wrong ends the build", () => {
  assert.match(formula("\\sigma^2 &lt; 1", false), /<math[^>]*>[\s\S]*<msup>[\s\S]*<\/math>/);
  assert.doesNotMatch(formula("\\frac{b}{\\sqrt 3}", true), /style=|annotation/);
  assert.throws(() => formula("\\sigmaa", false));
});

for (const name of names) {
  for (const theme of ["light", "dark"] as const satisfies readonly Theme[]) {
    test(`${name}, ${theme}: every page on a phone and a desktop has no fault of access, console, width or origin`, {
      skip: missing(name),
    }, async () => {
      const browser = await launch(name, theme);
      try {
        for (const width of [390, 1440]) {
          for (const { name: page } of pages) {
            const seen = await open(browser, site.address, `${page}.html`, width);
            const where = `${page} at ${width}`;
            assert.deepEqual(await violations(seen.page), [], where);
            assert.equal(await overflows(seen.page), false, `${where} is wider than the window`);
            assert.deepEqual(seen.complaints, [], where);
            assert.deepEqual(seen.outside, [], where);
            if (process.env.COMET_SHOTS) {
              const path = join(process.env.COMET_SHOTS, `${page}-${width}-${theme}-${name}.png`);
              await seen.page.screenshot({ path: path as `${string}.png`, fullPage: true });
            }
            await seen.page.close();
          }
        }
      } finally {
        await browser.close();
      }
    });
  }

  test(`${name}: below any address, isolated by the service worker, and still there without the host`, {
    skip: missing(name),
  }, async () => {
    const host = await served({ at: "/some/where/", isolated: false });
    const browser = await launch(name);
    try {
      // A page that computes nothing: Firefox complains of work that the new loading cuts short.
      const { page, complaints } = await open(browser, host.address, "format.html");
      assert.equal(await page.evaluate("crossOriginIsolated"), false);
      await page.waitForSelector("html[data-offline=ready]");
      await page.reload({ waitUntil: "load" });
      assert.equal(await page.evaluate("crossOriginIsolated"), true);
      close(host);
      for (const path of ["book.html", "claims.html", ""]) {
        await page.goto(host.address + path, { waitUntil: "load" });
        assert.ok(await page.$("main h1"), path);
      }
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
      close(host);
    }
  });
}
