/** The law bench in both browsers: its predictions are those of the laws in Node, and dither decides whether they hold. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "puppeteer-core";
import type { PageServer } from "../../examples/browser/serve.js";
import { Experiment } from "../../examples/site/law/experiment.js";
import { short } from "../../examples/site/number.js";
import { errorVariance, gradientSigma, lawBound } from "../../src/comet/law.js";
import { decodeSafetensors, type NamedTensor } from "../../src/files/safetensors-bytes.js";
import { referenceKernels } from "../../src/kernels/reference.js";
import { missing } from "../repo/browser.js";
import { close, launch, names, open, overflows, served, violations } from "./browsers.js";
import { builtSite } from "./built.js";

let site: PageServer;
let samples: Map<string, NamedTensor>;
before(async () => {
  const folder = await builtSite();
  samples = decodeSafetensors(readFileSync(join(folder, "data/samples.safetensors")), "samples").tensors;
  site = await served();
});
after(() => close(site));

const text = (page: Page, id: string): Promise<string> =>
  page.$eval(`#${id}`, (element) => element.textContent!.trim());

/** Moves a control, and waits until all errors are drawn. */
async function set(page: Page, id: string, value: string | number | true): Promise<void> {
  const before = await page.evaluate("Number(document.documentElement.dataset.drawn ?? 0)");
  await page.evaluate(`{
    const input = document.getElementById(${JSON.stringify(id)});
    if (${value === true}) input.checked = true;
    else input.value = ${JSON.stringify(String(value))};
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }`);
  await page.waitForFunction(`Number(document.documentElement.dataset.drawn ?? 0) > ${before}`);
}

/** Σδ² over the inputs that are not 0, for each output channel of the first convolution. */
function energyOf(background: number): Float32Array {
  const [images, delta] = [samples.get("images")!, samples.get("delta/conv1")!];
  const [N, K, H, W] = delta.shape as [number, number, number, number];
  const shape = { N, C: 1, H, W, K, R: 3, S: 3, P: H, Q: W, stride: 1, padding: 1, groups: 1 };
  const energy = new Float32Array(K);
  const x = images.data.map((value) => (value === 0 ? background : value));
  referenceKernels.conv2dNoiseEnergy(energy, delta.data, x, shape);
  return energy;
}

/** (T2), the mean over the weights of the first convolution: b·Σ|δ| over the inputs that are not 0. */
function worstCase(bound: number): number {
  const [images, delta] = [samples.get("images")!, samples.get("delta/conv1")!];
  const [N, K, H, W] = delta.shape as [number, number, number, number];
  const shape = { N, C: 1, H, W, K, R: 3, S: 3, P: H, Q: W, stride: 1, padding: 1, groups: 1 };
  const sums = new Float32Array(9 * K);
  const support = images.data.map((value) => (value === 0 ? 0 : 1));
  referenceKernels.conv2dWeightGradient(sums, delta.data.map(Math.abs), support, shape);
  return (bound * sums.reduce((a, b) => a + b, 0)) / sums.length;
}

/** (T14) of the first batch normalisation, whose output is saved: an error e of it is e/γ in x̂. */
function scaleSigma(bound: number): number {
  const [delta, gamma] = [samples.get("delta/bn1")!, samples.get("w/bn1.weight")!.data];
  const [, C, H, W] = delta.shape as [number, number, number, number];
  const sums = new Float64Array(C);
  delta.data.forEach((value, i) => {
    sums[Math.floor(i / (H * W)) % C]! += value * value;
  });
  const variances = Array.from(sums, (sum, c) => (errorVariance(bound) * sum) / gamma[c]! ** 2);
  return Math.sqrt(variances.reduce((a, b) => a + b) / C);
}

const number = (value: string) => Number(value.replace("−", "-").replace(/[^\d.e-]/g, ""));

for (const name of names) {
  test(`${name}: predictions are the laws', and they hold with dither alone`, {
    skip: missing(name),
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints, outside } = await open(browser, site.address, "law.html");
      await page.waitForSelector("html[data-drawn]");
      // A convolution, at two bounds.
      for (const slider of [20, 40]) {
        await set(page, "bound", slider);
        const bound = number(await text(page, "bound-value"));
        assert.equal(await text(page, "predicted"), short(gradientSigma(bound, { energy: energyOf(0) }), 4));
        assert.ok(Math.abs(number(await text(page, "ratio")) - 1) < 0.15, await text(page, "ratio"));
        assert.equal(await text(page, "draws"), "120");
        const worst = Number.parseFloat(await text(page, "worst"));
        assert.ok(Math.abs(worst / worstCase(bound) - 1) < 0.01, `${worst}, ${worstCase(bound)}`);
      }
      assert.match(await text(page, "finding"), /^The prediction holds/);
      // The errors are those that the same store draws in Node.
      const bound = number(await text(page, "bound-value"));
      const experiment = new Experiment(samples, {
        kind: "convolution",
        bound,
        quantizer: "dithered",
        background: 0,
      });
      for (let i = 0; i < 9; i++) experiment.draw(12);
      const { rows } = experiment.draw(12);
      await experiment.close();
      assert.equal(await text(page, "measured"), short(rows[0]!.measured, 4));
      // A flat background without dither: the law's terms are as before, and the errors are not.
      await set(page, "background", 6);
      await set(page, "quantizer", "support");
      assert.equal(await text(page, "predicted"), short(gradientSigma(bound, { energy: energyOf(0.3) }), 4));
      assert.ok(number(await text(page, "ratio")) < 0.7, await text(page, "ratio"));
      assert.match(await text(page, "finding"), /^The prediction fails/);
      assert.equal(await text(page, "draws"), "1");
      await set(page, "quantizer", "dithered");
      assert.match(await text(page, "finding"), /^The prediction holds/);
      // The law turned round.
      await set(page, "background", 0);
      await set(page, "given-sigma", true);
      const share = number(await text(page, "sigma-value")) / 100;
      const gradient = rows[0]!.gradient;
      const solved = lawBound(share * gradient, { energy: energyOf(0) });
      assert.equal(await text(page, "bound-used"), short(solved));
      assert.equal(await text(page, "predicted"), short(share * gradient, 4));
      assert.ok(Math.abs(number(await text(page, "share")) / (100 * share) - 1) < 0.15);
      // Batch normalisation, and a residual sum.
      await set(page, "given-bound", true);
      await set(page, "kind", "norm");
      assert.equal(await text(page, "predicted"), short(scaleSigma(bound), 4));
      await set(page, "kind", "sum");
      const ratios = await page.$$eval("#rows td:last-child", (cells) =>
        cells.map((cell) => Number(cell.textContent)),
      );
      assert.equal(ratios.length, 6);
      for (const ratio of ratios) assert.ok(Math.abs(ratio - 1) < 0.25, String(ratios));
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(complaints, []);
      assert.deepEqual(outside, []);
      await page.setViewport({ width: 390, height: 844 });
      assert.equal(await overflows(page), false);
    } finally {
      await browser.close();
    }
  });
}

test("the law turned round gives the accepted σ for each piece", async () => {
  for (const [kind, parameter] of [
    ["convolution", "conv1.weight"],
    ["norm", "bn1.weight"],
    ["sum", "layer1.0.bn2.weight"],
  ] as const) {
    const choice = { kind, bound: 0.05, quantizer: "dithered", background: 0 } as const;
    const first = new Experiment(samples, choice);
    first.draw(1);
    const sigma = 1e-4;
    const bound = first.boundFor(sigma);
    await first.close();
    const second = new Experiment(samples, { ...choice, bound });
    const row = second.draw(1).rows.find((each) => each.parameter === parameter)!;
    await second.close();
    assert.ok(Math.abs(row.own / sigma - 1) < 0.02, `${kind}: ${row.own}`);
  }
});
