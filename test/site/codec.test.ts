/** The codec bench in both browsers: what it shows is what the library computes in Node. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encode as encodePng } from "fast-png";
import type { ElementHandle, Page } from "puppeteer-core";
import type { PageServer } from "../../examples/browser/serve.js";
import { measure } from "../../examples/site/codec/measure.js";
import { samplesOf } from "../../examples/site/codec/source.js";
import { trace } from "../../examples/site/codec/trace.js";
import { bytes, short } from "../../examples/site/number.js";
import { decode, type EncodeOptions, encode, inspect } from "../../src/codec/index.js";
import { anatomy } from "../../src/codec/reference.js";
import { openDataset } from "../../src/data/open.js";
import { Tensor } from "../../src/engine/tensor.js";
import { encodeNpy } from "../../src/files/npy.js";
import { createRng } from "../../src/rng.js";
import { train } from "../../src/training/loop.js";
import { createSession } from "../../src/training/session.js";
import { seed } from "../arbitrary/seed.js";
import { missing } from "../repo/browser.js";
import { close, launch, names, open, overflows, served, type Visit, violations } from "./browsers.js";
import { builtSite } from "./built.js";

let site: PageServer;
let folder = "";
const files = mkdtempSync(join(tmpdir(), "comet-bench-"));
before(async () => {
  folder = await builtSite();
  site = await served();
});
after(() => {
  close(site);
  rmSync(files, { recursive: true });
});

const text = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent!.trim());

/** The number of times that the page has shown a measurement. */
const measured = async (page: Page): Promise<number> =>
  Number(await page.evaluate("document.documentElement.dataset.measured ?? 0"));

/** Does something, and waits until the page shows what follows. */
async function then(page: Page, act: () => Promise<unknown>): Promise<void> {
  const before = await measured(page);
  await act();
  await page.waitForFunction(`Number(document.documentElement.dataset.measured ?? 0) > ${before}`);
}

/** Moves a slider or chooses an option. */
const set = (page: Page, id: string, value: string | number): Promise<void> =>
  then(page, () =>
    page.evaluate(`{
      const input = document.getElementById(${JSON.stringify(id)});
      input.value = ${JSON.stringify(String(value))};
      input.dispatchEvent(new Event(input.id === "tensor" ? "change" : "input", { bubbles: true }));
    }`),
  );

async function bench(browser: Awaited<ReturnType<typeof launch>>, width = 1440): Promise<Visit> {
  const visit = await open(browser, site.address, "codec.html", width);
  await visit.page.waitForSelector("html[data-measured]");
  return visit;
}

const shownBound = async (page: Page) => Number.parseFloat(await text(page, "#bound-value"));

/** What the page must show of a tensor. */
function expected(x: Float32Array, options: EncodeOptions) {
  const frame = encode(x, options);
  const back = decode(frame);
  const lost = x.reduce((sum, value, i) => sum + (value === 0 && back[i] !== 0 ? 1 : 0), 0);
  return { frame, back, lost, ratio: `${short((4 * x.length) / frame.length, 4)} ×` };
}

for (const name of names) {
  test(`${name}: a moved slider shows the library's ratio, frame, bound and values`, {
    skip: missing(name),
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints, outside } = await bench(browser);
      const [sample, , , , norm] = samplesOf(readFileSync(join(folder, "data/samples.safetensors")));
      const { data: x, shape } = sample!;
      for (const quantizer of ["support", "paper", "dithered", "signed"] as const) {
        await set(page, "quantizer", quantizer);
        for (const [mode, slider] of [
          ["fast", 30],
          ["dense", 52],
          ["auto", 64],
        ] as const) {
          await set(page, "mode", mode);
          await set(page, "bound", slider);
          const bound = await shownBound(page);
          const { frame, back, ratio } = expected(x, { bound, quantizer, mode, shape, seed: 1 });
          const where = `${quantizer} ${mode} ${bound}`;
          assert.equal(await text(page, "#ratio"), ratio, where);
          assert.equal(await text(page, "#frame"), `${bytes(frame.length)} of ${bytes(4 * x.length)}`, where);
          const worst = x.reduce((most, value, i) => Math.max(most, Math.abs(back[i]! - value) / bound), 0);
          assert.equal(await text(page, "#worst"), worst.toFixed(3), where);
          assert.ok(worst < 1);
          assert.equal(await text(page, "#broken"), "0");
          const middle = 14 * 28 + 14;
          assert.equal(await text(page, "#value-x"), short(x[middle]!, 6));
          assert.equal(await text(page, "#value-y"), short(back[middle]!, 6));
        }
      }
      // By keyboard: one step of the slider is a twentieth of a decade. By mouse: the value under the pointer.
      const slow = await shownBound(page);
      await then(page, async () => {
        await page.focus("#bound");
        await page.keyboard.press("ArrowRight");
      });
      assert.ok(Math.abs((await shownBound(page)) / slow - 10 ** 0.05) < 0.02);
      await page.$eval("#map-x", (canvas) => canvas.scrollIntoView({ block: "center" }));
      const box = (await (await page.$("#map-x"))!.boundingBox())!;
      await page.mouse.move(box.x + (box.width * 10.5) / 28, box.y + (box.height * 20.5) / 28);
      await page.waitForFunction("document.getElementById('row').value === '20'");
      assert.equal(await page.$eval("#column", (input) => (input as HTMLInputElement).value), "10");
      assert.equal(await text(page, "#value-x"), short(x[20 * 28 + 10]!, 6));
      // A second bound, on values of both signs.
      await set(page, "tensor", 4);
      await set(page, "quantizer", "support");
      await set(page, "mode", "fast");
      await set(page, "below", 6);
      const [bound, negativeBound] = [await shownBound(page), Number(await text(page, "#below-value"))];
      assert.ok(negativeBound > 7 * bound);
      const two = expected(norm!.data, { bound, negativeBound, shape: norm!.shape, seed: 1 });
      assert.equal(await text(page, "#ratio"), two.ratio);
      // Another plane of the same tensor changes the picture and no number.
      await set(page, "channel", 5);
      assert.equal(await text(page, "#ratio"), two.ratio);
      assert.equal(await text(page, "#value-x"), short(norm!.data[5 * 784 + 20 * 28 + 10]!, 6));
      assert.deepEqual(complaints, []);
      assert.deepEqual(outside, []);
    } finally {
      await browser.close();
    }
  });

  test(`${name}: each way to break the promise shows what happens and why`, {
    skip: missing(name),
  }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints } = await bench(browser, 390);
      for (const [fault, broken] of [
        ["rezero", true],
        ["nan", false],
        ["huge", false],
        ["halfway", false],
      ] as const) {
        await then(page, () =>
          page.$eval(`[data-fault=${fault}]`, (button) => (button as HTMLElement).click()),
        );
        assert.equal(await page.$eval("#fault", (section) => (section as HTMLElement).hidden), false);
        assert.ok((await text(page, "#fault-text")).length > 200);
        const verdicts = await page.$$eval("#planted tr", (rows) =>
          rows.map((row) => row.lastElementChild!.textContent!),
        );
        assert.equal(verdicts.length, 8);
        assert.equal(verdicts.includes("broken"), broken, `${fault}: ${verdicts}`);
        assert.equal((await text(page, "#broken")) !== "0", broken, fault);
        assert.deepEqual(await violations(page), [], fault);
        assert.equal(await overflows(page), false, fault);
      }
      await then(page, () => page.$eval("[data-fault=halfway]", (button) => (button as HTMLElement).click()));
      assert.equal(await page.$eval("#fault", (section) => (section as HTMLElement).hidden), true);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });

  test(`${name}: own files are opened, and damaged ones are explained`, { skip: missing(name) }, async () => {
    const browser = await launch(name);
    try {
      const { page, complaints } = await bench(browser);
      const rng = createRng(seed);
      const data = Float32Array.from({ length: 3 * 20 * 30 }, () => Math.max(0, rng.uniform() - 0.4));
      const whole = encodeNpy({ shape: [3, 20, 30], data });
      for (const [file, content] of [
        ["whole.npy", whole],
        ["cut.npy", whole.subarray(0, 1000)],
        ["strange.safetensors", Buffer.from("not a tensor at all")],
        ["strange.png", Buffer.from("not a picture at all")],
      ] as const) {
        writeFileSync(join(files, file), content);
      }
      const input = (await page.$("#file")) as ElementHandle<HTMLInputElement>;
      for (const [file, complaint] of [
        ["cut.npy", /cut\.npy: expected 7200 bytes of <f4 \(3, 20, 30\), got 872/],
        ["strange.safetensors", /strange\.safetensors: expected a header within/],
        ["strange.png", /strange\.png: expected a photograph/],
      ] as const) {
        await input.uploadFile(join(files, file));
        await page.waitForFunction(
          `document.getElementById("failure").textContent.includes(${JSON.stringify(file)})`,
        );
        assert.match(await text(page, "#failure"), complaint);
        assert.equal(await page.$eval("#failure", (element) => (element as HTMLElement).hidden), false);
      }
      // The same bytes, dropped anywhere on the page.
      await then(page, () =>
        page.evaluate(`{
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from([${whole}])], "dropped.npy"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }`),
      );
      assert.equal(await page.$eval("#failure", (element) => (element as HTMLElement).hidden), true);
      const bound = await shownBound(page);
      const { ratio } = expected(data, { bound, shape: [3, 20, 30], seed: 1 });
      assert.equal(await text(page, "#ratio"), ratio);
      // A photograph: red, green and blue are planes.
      const colours = Uint8Array.from({ length: 3 * 24 * 40 }, (_, i) => (i * 7 + (i >> 5)) & 255);
      writeFileSync(
        join(files, "photo.png"),
        encodePng({ width: 40, height: 24, data: colours, channels: 3 }),
      );
      await then(page, () => input.uploadFile(join(files, "photo.png")));
      const planes = Float32Array.from(
        colours,
        (_, i) => colours[3 * (i % 960) + Math.floor(i / 960)]! / 255,
      );
      const seen = expected(planes, { bound: await shownBound(page), shape: [3, 24, 40], seed: 1 });
      assert.equal(await text(page, "#ratio"), seen.ratio);
      assert.deepEqual(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

test("chromium: a network that trains in the page puts out what it puts out in Node", {
  skip: missing("chromium"),
}, async () => {
  const browser = await launch("chromium");
  const dataset = await openDataset("fashion-mnist");
  const test = { ...dataset.test, length: 16, batch: dataset.test.batch.bind(dataset.test) };
  const settings = { model: "resnet8", batch: 32, steps: 20, threads: 1, store: "plain" } as const;
  const session = createSession(settings, { ...dataset, test });
  try {
    const { page, complaints } = await bench(browser);
    await then(page, () => page.$eval("#train", (button) => (button as HTMLElement).click()));
    await train(session);
    const [pixels, labels] = [new Float32Array(4 * 784), new Float32Array(4)];
    await dataset.train.batch(Uint32Array.from(labels.keys()), pixels, labels, null);
    let x = new Float32Array();
    session.engine.onOutput = (site, y) => {
      if (site === "bn1") x = y.data.slice();
    };
    session.engine.recording = false;
    session.model.forward(Tensor.from(session.engine, pixels, [4, 1, 28, 28])).dispose();
    const bound = await shownBound(page);
    assert.match(await text(page, "#note"), /^Output of bn1 after 20 steps of training in this page/);
    assert.equal(await text(page, "#ratio"), expected(x, { bound, shape: [4, 16, 28, 28], seed: 1 }).ratio);
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
    await session.close();
    await dataset.close();
  }
});

test("the bits of the values that a trace tells add up to the frame, but for its heads", () => {
  const rng = createRng(seed);
  const height = 400;
  const x = Float32Array.from({ length: height * 64 }, (_, i) =>
    Math.max(0, Math.sin(i / 40) + rng.uniform() - 0.5),
  );
  x[77] = Number.NaN;
  for (const mode of ["fast", "dense"] as const) {
    for (const quantizer of ["support", "paper", "dithered", "signed"] as const) {
      const choice = { bound: 0.01, negativeBound: null, quantizer, mode, reZero: false, seed, fault: null };
      const plane = { begin: 0, height, width: 64 };
      const { picture, frameBytes, mode: used } = measure(x, [height, 64], plane, choice);
      assert.equal(used, mode);
      const bits = picture.bits.reduce((a, b) => a + b, 0);
      assert.ok(
        bits <= 8 * frameBytes && bits > 0.95 * 8 * frameBytes,
        `${mode} ${quantizer}: ${bits} of ${8 * frameBytes}`,
      );
      assert.equal(picture.raw[77], 1);
      // The integer of a value is the whole number of steps nearest to it, or beside that under dither.
      const step = 2 * choice.bound * (1 - 2 ** -9);
      const unit = picture.predictor.includes("halves") ? step / 2 : step;
      for (const [i, value] of x.entries()) {
        if (picture.raw[i] || value === 0) continue;
        assert.ok(Math.abs(value / unit - picture.integer[i]!) <= 2, `${mode} ${quantizer} ${i}`);
      }
    }
  }
});

test("where a mask has the raw values, a trace tells the codes of the others, to the bit", () => {
  const rng = createRng(seed);
  // Eight lanes of 38 rows, so that dense mode codes nothing else.
  const [height, width] = [304, 64];
  const x = Float32Array.from({ length: height * width }, (_, i) => Math.sin(i / 40) + 0.3 * rng.uniform());
  for (let i = 0; i < x.length; i++) if (i % width < 9 || rng.uniform() < 0.02) x[i] = Number.NaN;
  for (const quantizer of ["support", "paper", "dithered"] as const) {
    for (const mode of ["fast", "dense"] as const) {
      const frame = encode(x, { bound: 0.01, quantizer, mode, seed, shape: [height, width] });
      assert.equal(inspect(frame).mode, mode);
      const { fields } = anatomy(frame);
      const traced = trace(x, frame, { begin: 0, end: x.length });
      assert.ok(fields.get("mask")! > 0);
      for (const [i, value] of x.entries()) assert.equal(traced.raw[i] === 2, Number.isNaN(value));
      const coded = traced.bits.reduce((sum, bits) => sum + bits, 0);
      const where = `${mode} ${quantizer}`;
      if (mode === "fast") {
        // Each chunk ends with whole bytes.
        const bits = 8 * ((fields.get("blocks") ?? 0) + (fields.get("bitmap") ?? 0));
        assert.ok(
          coded <= bits && coded > bits - 16 * Math.ceil(x.length / 16384),
          `${where}: ${coded}, ${bits}`,
        );
      } else {
        const bits = 8 * (fields.get("segment words")! + (fields.get("segment low bits") ?? 0));
        assert.ok(Math.abs(coded / bits - 1) < 0.01, `${where}: ${coded}, ${bits}`);
      }
    }
  }
});
