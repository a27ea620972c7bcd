/**
 * The report: one page that needs nothing else, says what ran, and shows what was recorded and nothing more. Where there
 * is a browser the figures are drawn as well.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";
import { Command } from "commander";
import fc from "fast-check";
import { registerReport } from "../../src/cli/report.js";
import { DataError, UsageError } from "../../src/error.js";
import { escapeHtml, scriptBody, scriptJson } from "../../src/report/escape.js";
import { histogram } from "../../src/report/histogram.js";
import { labels, type PageData, pageData, smooth } from "../../src/report/series.js";
import { summaryRows } from "../../src/report/summary.js";
import { reportHtml, writeReport } from "../../src/report/write.js";
import { type Run, readRun } from "../../src/runs/run.js";
import type { Settings } from "../../src/training/settings.js";
import { seed } from "../arbitrary/seed.js";
import { missing } from "../repo/browser.js";
import { assertDrawn, figuresOf } from "./drawn.js";
import { makeRun, manifest } from "./runs.js";

const full = () => [makeRun("plain"), makeRun("comet")];

const dataOf = (html: string): PageData =>
  JSON.parse(html.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)![1]!);

/** The page without the text of its scripts and styles. */
const markup = (html: string) => html.replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, "<$1></$1>");

test("a full report has every section and figure, and each figure its caption", () => {
  const html = reportHtml(full());
  assert.deepEqual(figuresOf(html), [
    ...["loss", "accuracy", "memory", "holders", "saved", "bound", "zeros", "ratio", "samples"],
    ...["histogram", "histograms", "sigma", "sigma-ratio"],
  ]);
  const sections = [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);
  assert.deepEqual(sections, ["summary", "training", "memory", "layers", "tensors", "gradients", "repeat"]);
  assert.equal(html.match(/<figcaption>/g)!.length, 13);
  assert.ok(html.length < 1.5e6, `${html.length} characters`);
});

test("a plain run's report leaves out what only compression has", () => {
  const html = reportHtml([makeRun("plain")]);
  assert.deepEqual(figuresOf(html), ["loss", "accuracy", "memory", "holders", "saved"]);
  assert.doesNotMatch(markup(html), /Conv-input ratio|Worst error|Predicted ÷/);
});

test("a page loads nothing: no address in its markup, and a policy that forbids it", () => {
  const html = reportHtml(full());
  assert.doesNotMatch(markup(html), /https?:|<link|<img|<iframe|\ssrc=|@import|url\(/);
  assert.match(html, /Content-Security-Policy" content="default-src 'none';/);
  assert.match(html, /Copyright 20\d\d-20\d\d Mike Bostock.*?this permission notice appear in all copies/s);
  assert.match(html, /Copyright 20\d\d-20\d\d Observable.*?this permission notice appear in all copies/s);
});

test("every script of a page is a script to its end, and compiles", () => {
  const html = reportHtml(full());
  const scripts = [...html.matchAll(/<script( type="module")?>(.*?)<\/script>/gs)];
  assert.equal(scripts.length, 3);
  for (const [, , code] of scripts) {
    assert.doesNotMatch(code!, /^(im|ex)port\b|sourceMappingURL/m);
    new Script(code!);
  }
});

test("text from a manifest stays text", () => {
  const evil = `</script><script>alert("1")</script><!-- <b>'&`;
  const run = makeRun("comet", { manifest: { id: evil, status: "failed", error: evil } });
  run.manifest.settings.model = evil;
  for (const record of run.records) if (record.kind === "sites") record.sites[0]!.name = evil;
  const html = reportHtml([run, run]);
  assert.equal(html.match(/<script/g)!.length, reportHtml(full()).match(/<script/g)!.length);
  assert.doesNotMatch(markup(html), /<b>|<!--/);
  assert.match(html, /&lt;\/script&gt;&lt;script&gt;alert\(&quot;1&quot;\)/);
  assert.equal(dataOf(html).runs[0]!.sites[0]!.name, evil);
});

test("escaping: markup never survives, and every value comes back", () => {
  const hostile = fc.array(
    fc.constantFrom("<", "</script", "<!--", "-->", "&amp;", '"', "'", "]]>", "a", "\u2028"),
  );
  fc.assert(
    fc.property(hostile, (parts) => {
      const text = parts.join("");
      assert.doesNotMatch(escapeHtml(text), /[<>"']/);
      const back = escapeHtml(text).replace(
        /&(amp|lt|gt|quot|#39);/g,
        (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name]!,
      );
      assert.equal(back, text);
      assert.doesNotMatch(scriptJson([text]), /</);
      assert.deepEqual(JSON.parse(scriptJson([text])), [text]);
      const code = scriptBody(`(${JSON.stringify(text)})`);
      assert.doesNotMatch(code, /<\/script|<!--/i);
      assert.equal(new Script(code).runInNewContext(), text);
    }),
    { seed, numRuns: 200 },
  );
});

test("a run that did not end well is said to be so, with what it did finish", () => {
  const interrupted = makeRun("comet", { steps: 70, manifest: { status: "interrupted" } });
  const html = reportHtml([makeRun("plain"), interrupted]);
  assert.match(html, /COMET, law: interrupted after 70 steps\. .* that after 1 whole epoch\./);
  assert.match(html, /The runs have different numbers of steps: 120 \(plain\); 70 \(COMET, law\)\./);
  const early = makeRun("plain", { steps: 3, manifest: { status: "interrupted", ended: null } });
  assert.match(reportHtml([early]), /no epoch was finished, so there is no test accuracy/);
  const running = makeRun("plain", { manifest: { status: "running", ended: null } });
  assert.match(reportHtml([running]), /still running when this page was written/);
  assert.doesNotMatch(reportHtml(full()), /class="notice" role="note"/);
});

test("runs that differ in more than the store are said to differ", () => {
  const other = makeRun("comet");
  other.manifest.settings.lr = 0.05;
  other.manifest.data.hash = "another";
  assert.match(
    reportHtml([makeRun("plain"), other]),
    /differ in more than how they store tensors: lr, data\./,
  );
});

test("odd runs: one step, no records at all, COMET without probes or samples", () => {
  assert.deepEqual(figuresOf(reportHtml([makeRun("plain", { steps: 1 })])), [
    "loss",
    "accuracy",
    "memory",
    "holders",
    "saved",
  ]);
  const empty = { ...makeRun("plain"), records: [] };
  assert.deepEqual(figuresOf(reportHtml([empty])), []);
  assert.equal(figuresOf(reportHtml([makeRun("plain"), empty])).length, 5);
  const bare = makeRun("comet", { samples: false, probes: false });
  assert.deepEqual(figuresOf(reportHtml([bare])).slice(-3), ["bound", "zeros", "ratio"]);
  assert.throws(() => reportHtml([]), UsageError);
});

test("the summary: figures of each run, the others against the plain one", () => {
  const html = markup(reportHtml(full()));
  const cells = (title: string) =>
    [...html.matchAll(/<tr><th scope="row">(.*?)<.*?<\/th>(.*?)<\/tr>/g)]
      .find(([, name]) => name === title)![2]!
      .replaceAll("\u00a0", " ")
      .split(/<\/?td>/)
      .filter((cell) => cell !== "");
  assert.deepEqual(cells("Saved-for-backward peak"), ["20.0 MiB", "2.84 MiB (0.14 × plain)"]);
  assert.deepEqual(cells("Conv-input ratio"), ["–", "7.31 : 1"]);
  assert.deepEqual(cells("Seconds in steps"), ["18.0 s", "22.8 s (1.27 × plain)"]);
  assert.deepEqual(cells("Test accuracy"), ["81.94 %", "81.94 % (+0.00 points)"]);
  assert.deepEqual(cells("Worst error ÷ bound"), ["–", "0.998990 (35 frames)"]);
});

test("the summary has rows of what was moved out of the device, if a run moved anything", () => {
  const [plain, moving] = [makeRun("plain", {}), makeRun("plain", {})];
  const titles = (runs: readonly Run[]) => summaryRows(runs, pageData(runs).runs);
  assert.ok(titles([plain]).every(({ title }) => !/outside|link|out of the device/.test(title)));
  const transfers = {
    kind: "transfers" as const,
    step: 0,
    ...{ sentBytes: 2 ** 20, fetchedBytes: 2 ** 20, hostPeakBytes: 2 ** 19, late: 0, copyMs: 1 },
    ...{ stallMs: 250, computeMs: 750, modelledMs: 1000 },
  };
  const rows = titles([plain, { ...moving, records: [...moving.records, transfers] }]);
  const cells = (title: string) => rows.find((row) => row.title === title)!.cells;
  assert.deepEqual(cells("Moved out of the device"), [null, "1.00 MiB"]);
  assert.deepEqual(cells("Waiting outside"), [null, "512 KiB"]);
  assert.deepEqual(cells("Seconds by the link’s model"), [null, "1.0 s"]);
});

test("a long run's page is thinned: it keeps the last step and stays small", () => {
  const long = makeRun("comet", { steps: 10_000, perEpoch: 5_000, weights: 20 });
  const data = pageData([long]);
  const { step } = data.runs[0]!.steps;
  assert.ok(step.length <= 801);
  assert.equal(step.at(-1), 9_999);
  assert.ok(data.runs[0]!.sites[0]!.step.length <= 201);
  assert.ok(JSON.stringify(data).length < 5e5);
});

test("a smoothed constant stays what it is; smoothing over one value changes nothing", () => {
  for (const value of smooth([3, 3, 3], 10)) assert.ok(Math.abs(value - 3) < 1e-12);
  assert.deepEqual(smooth([1, 5, 2], 1), [1, 5, 2]);
  assert.deepEqual(smooth([], 5), []);
});

test("a histogram counts every finite value once", () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (values) => {
      const { n, counts, outside, binWidth } = histogram(values);
      assert.equal(n, values.filter(Number.isFinite).length);
      assert.equal(
        counts.reduce((a, b) => a + b, outside),
        n,
      );
      assert.equal(Math.round(counts.length * binWidth), 10);
    }),
    { seed, numRuns: 200 },
  );
  const { mean, deviation } = histogram([-1, 1, 3, 5, Number.NaN]);
  assert.deepEqual([mean, deviation], [2, Math.sqrt(5)]);
});

test("labels tell runs apart", () => {
  const run = (store: "plain" | "comet", changes: Partial<Settings> = {}): Run => {
    const made = manifest(store);
    return { path: "", manifest: { ...made, settings: { ...made.settings, ...changes } }, records: [] };
  };
  const [comet, seeded] = [run("comet"), run("comet", { seed: 2 })];
  assert.deepEqual(labels([run("plain"), comet]), ["plain", "COMET, law"]);
  assert.deepEqual(labels([comet, seeded]), ["COMET, law, seed 1", "COMET, law, seed 2"]);
  assert.deepEqual(labels([run("plain"), comet, seeded]).slice(1), [
    "COMET, law, seed 1",
    "COMET, law, seed 2",
  ]);
  const measured = { ...run("comet", { stopAfter: 79 }), records: makeRun("comet").records };
  assert.deepEqual(labels([comet, measured]), ["COMET, law", "COMET, law, measured"]);
  assert.equal(
    new Set(labels([comet, { ...comet, manifest: { ...comet.manifest, id: "b" } }, comet])).size,
    3,
  );
});

test("in a browser every figure is drawn", { skip: missing("chromium") }, async () => {
  for (const runs of [
    full(),
    [makeRun("comet", { steps: 1, samples: false })],
    [makeRun("comet"), makeRun("plain", { steps: 30 }), makeRun("comet")],
  ]) {
    await assertDrawn(reportHtml(runs));
  }
});

test("comet report reads folders and writes the page whole, or not at all", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "comet-report-"));
  t.after(() => rmSync(folder, { recursive: true }));
  t.mock.method(console, "log", () => {});
  const report = (...words: string[]) => {
    const program = new Command().exitOverride();
    registerReport(program);
    program.parse(["report", ...words], { from: "user" });
  };
  const { manifest, records } = makeRun("comet");
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  writeFileSync(
    join(folder, "metrics.jsonl"),
    `${records.map((r) => JSON.stringify(r)).join("\n")}\n{"kind":"st`,
  );
  report(folder);
  assert.equal(figuresOf(readFileSync(join(folder, "report.html"), "utf8")).length, 13);
  report(folder, folder, "--out", join(folder, "two.html"));
  assert.equal(dataOf(readFileSync(join(folder, "two.html"), "utf8")).runs.length, 2);

  const before = readdirSync(folder);
  assert.throws(() => report(join(folder, "nothing")), DataError);
  assert.throws(() => report(folder, "--out", join(folder, "no", "folder.html")), UsageError);
  assert.throws(() => writeReport([readRun(folder)], folder), UsageError);
  assert.deepEqual(readdirSync(folder), before);
});
