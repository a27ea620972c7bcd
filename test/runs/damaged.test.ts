/** A run's files with anything in them: an error of one line that names the place, and never a stack trace. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkSaved } from "../../src/comet/saved.js";
import { DataError } from "../../src/error.js";
import { stringifyExactly } from "../../src/files/exact.js";
import type { Checkpoint } from "../../src/runs/checkpoint.js";
import { recordsOf } from "../../src/runs/log.js";
import { parseManifest } from "../../src/runs/manifest.js";
import { settingsToGoOn } from "../../src/runs/resume.js";
import { parseState, type State } from "../../src/runs/state.js";
import { makeRun, manifest } from "../report/runs.js";
import { small, state } from "./small-runs.js";

const folder = mkdtempSync(join(tmpdir(), "comet-damaged-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const main = new URL("../../src/cli/main.js", import.meta.url).pathname;

const isData =
  (message: RegExp) =>
  (error: Error): boolean =>
    error instanceof DataError && message.test(error.message) && !error.message.includes("\n");

const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
const whole = manifest("comet");

const manifests: readonly [text: string, message: RegExp][] = [
  ["null", /^m: expected an object, got null; restore the file/],
  ["", /^m: expected JSON, got other text/],
  ["[]", /expected an object, got a list of 0/],
  ['{"version":1}', /^m: id: expected text, got nothing/],
  ['{"version":2}', /^m: expected a run's file, got version 2; use the comet-ts that wrote it/],
  ['{"version":[2]}', /got version a list of 1/],
  [deep, /expected an object, got a list of 1/],
  [JSON.stringify({ ...whole, settings: null }), /^m: settings: expected an object, got null/],
  [
    JSON.stringify({ ...whole, settings: { ...whole.settings, batch: 0 } }),
    /settings\.batch: expected a whole number of at least 1, got 0/,
  ],
  [
    JSON.stringify({ ...whole, settings: { ...whole.settings, lr: "0.1" } }),
    /settings\.lr: expected a finite number, got "0\.1"/,
  ],
  [JSON.stringify({ ...whole, skipped: [1] }), /skipped\[0\]: expected text, got 1/],
  [
    JSON.stringify({ ...whole, status: "dead\nand gone" }),
    /status: expected one of .*, got "dead\\nand gone"/,
  ],
  [
    JSON.stringify(whole).replace('"steps":0', '"steps":1e999'),
    /expected a whole number of at least 0, got Infinity/,
  ],
];

test("manifest.json", () => {
  assert.deepEqual(parseManifest(JSON.stringify(whole), "m"), whole);
  for (const [text, message] of manifests)
    assert.throws(() => parseManifest(text, "m"), isData(message), text.slice(0, 80));
});

const lines: readonly [line: string, message: RegExp][] = [
  ["null", /^log, line 2: expected an object, got null; restore/],
  ["{", /^log, line 2: expected JSON/],
  ['{"kind":"step"}', /^log, line 2: step: expected a whole number of at least 0, got nothing/],
  ['{"kind":"toString"}', /kind: expected one of step, .*, got "toString"/],
  ['{"kind":"probe","step":1}', /rows: expected a list, got nothing/],
  [
    '{"kind":"probe","step":1,"rows":[{"parameter":"w"}]}',
    /rows\[0\]\.bound: expected a number or null, got nothing/,
  ],
  ['{"kind":"memory","step":1,"timeline":[{}]}', /timeline\[0\]\.parameters: expected a number/],
  [
    '{"kind":"sample","step":1,"site":"x","bound":1,"height":1e9,"width":1,"original":[1],"decoded":[1]}',
    /expected 1000000000×1 values before and after, got 1/,
  ],
];

test("metrics.jsonl", () => {
  const { records } = makeRun("comet", { steps: 30 });
  const text = records.map((record) => `${JSON.stringify(record)}\n`);
  const read = (part: string[]) => recordsOf(new TextEncoder().encode(part.join("")), "log");
  assert.deepEqual(read(text), records);
  assert.deepEqual(read([...text, '{"kind":"st']), records, "a last line that was cut off is left out");
  for (const [line, message] of lines)
    assert.throws(() => read([text[0]!, `${line}\n`]), isData(message), line);
});

/** A state as a run of `small` writes it after three steps. */
const good: State = {
  version: 1,
  ...state({ epoch: 0, batch: 3 }),
  settings: small,
  store: null,
  meanGradient: [["w", 1]],
};

const states: readonly [text: string, message: RegExp][] = [
  ["null", /^s: expected an object, got null/],
  [deep, /^s: expected/],
  [`{"log":${deep}}`, /^s: expected/],
  [
    stringifyExactly({ ...good, version: 2 }),
    /^s: expected version 1, got 2; use the comet-ts that wrote it/,
  ],
  [stringifyExactly({ ...good, version: undefined }), /^s: version: expected one of 1, got nothing/],
  [stringifyExactly({ ...good, log: undefined }), /^s: log: expected an object, got nothing/],
  [
    stringifyExactly({ ...good, position: { epoch: 0, batch: -1 } }),
    /position\.batch: expected a whole number/,
  ],
  [stringifyExactly({ ...good, position: { epoch: Number.NaN, batch: 0 } }), /position\.epoch: .* got NaN/],
  [
    stringifyExactly({ ...good, meanGradient: [["w"]] }),
    /meanGradient\[0\]: expected a pair, got a list of 1/,
  ],
  ['{"$float32":"AAA="}', /^s: expected JSON as comet-ts writes it/],
];

test("state.json", () => {
  assert.deepEqual(parseState(stringifyExactly(good), "s"), good);
  for (const [text, message] of states)
    assert.throws(() => parseState(text, "s"), isData(message), text.slice(0, 80));
});

test("what a controller knew", () => {
  for (const [saved, message] of [
    [null, /^state\.json: store: expected an object, got null; remove the checkpoint/],
    [{ sites: [{}], plan: null }, /sites\[0\]\.site: expected an object, got nothing/],
    [{ sites: [], plan: {} }, /plan\.savedBytes: expected a number, got nothing/],
  ] as const) {
    assert.throws(() => checkSaved(saved), isData(message));
  }
});

test("a position that the records do not reach is refused, however far it is", () => {
  const began = manifest("comet", {
    settings: small,
    data: { ...whole.data, train: 20 },
    status: "interrupted",
  });
  for (const position of [
    { epoch: 1e9, batch: 0 },
    { epoch: 0, batch: Number.MAX_SAFE_INTEGER },
  ]) {
    const checkpoint: Checkpoint = { path: "c", state: { ...good, position } };
    assert.throws(
      () => settingsToGoOn("RUN", began, checkpoint, { epochs: 1e12, steps: 0 }),
      isData(
        /c\/state\.json: expected a position that the run's records reach, got \d+ steps in 10000 bytes/,
      ),
    );
  }
});

test("commands say so in one line", () => {
  const run = join(folder, "run");
  mkdirSync(run);
  writeFileSync(join(run, "metrics.jsonl"), "");
  for (const text of ["null", '{"version":1}', JSON.stringify({ ...whole, data: null })]) {
    writeFileSync(join(run, "manifest.json"), text);
    for (const args of [
      ["train", "--resume", run],
      ["report", run],
      ["replay", run],
      ["memory", "--from", run],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^comet: DataError: [^\n]*manifest\.json[^\n]*\n$/);
    }
  }
  const other = join(folder, "other");
  cpSync(run, other, { recursive: true });
  writeFileSync(join(other, "manifest.json"), JSON.stringify(whole));
  for (const line of ["null", '{"kind":"step"}', '{"kind":"probe","step":0}']) {
    writeFileSync(join(other, "metrics.jsonl"), `${line}\n`);
    const { status, stderr } = spawnSync(process.execPath, [main, "report", other], { encoding: "utf8" });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^comet: DataError: [^\n]*metrics\.jsonl, line 1: [^\n]*\n$/);
  }
});

test("a manifest from before a store had a setting has its default; no other setting may be missing", () => {
  const { actnnBits: _, ...older } = whole.settings;
  const read = parseManifest(JSON.stringify({ ...whole, settings: older }), "m");
  assert.deepEqual(read.settings, whole.settings);
  const { batch: __, ...damaged } = whole.settings;
  assert.throws(
    () => parseManifest(JSON.stringify({ ...whole, settings: damaged }), "m"),
    isData(/^m: settings\.batch: expected/),
  );
});
