/**
 * Every file that the program reads, mutated: what comes back is a value that can be used, or an error of the program's
 * own, in one line. COMET_FUZZ multiplies the number of cases.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { create } from "tar";
import { Content, magic, section, sectionsOf } from "../../src/cli/archive.js";
import { partsOf } from "../../src/cli/compress.js";
import { Narrowing } from "../../src/cli/narrowing.js";
import { Source } from "../../src/cli/source.js";
import { piecesOf } from "../../src/cli/tensorfile.js";
import { decode, encode, inspect } from "../../src/codec/index.js";
import { anatomy } from "../../src/codec/reference.js";
import { checkSaved } from "../../src/comet/saved.js";
import { cifar10, openCifar } from "../../src/data/cifar.js";
import { archiveSource } from "../../src/data/cifar-source.js";
import { fetchFiles } from "../../src/data/fetch.js";
import { decodeIdx, encodeIdx } from "../../src/data/idx.js";
import { openIdxFolder, unzippedIdx } from "../../src/data/mnist.js";
import { decodePicture } from "../../src/data/picture.js";
import { CometError } from "../../src/error.js";
import { parseExactly, stringifyExactly } from "../../src/files/exact.js";
import { takeLock } from "../../src/files/lock.js";
import { decodeNpy, encodeNpy } from "../../src/files/npy.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/files/safetensors.js";
import { reportHtml } from "../../src/report/write.js";
import { createRng, type Rng } from "../../src/rng.js";
import {
  type Checkpoint,
  listCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from "../../src/runs/checkpoint.js";
import { recordsOf } from "../../src/runs/log.js";
import { parseManifest } from "../../src/runs/manifest.js";
import { settingsToGoOn } from "../../src/runs/resume.js";
import { parseState } from "../../src/runs/state.js";
import type { TrainRecord } from "../../src/training/records.js";
import { mutated, mutatedJson } from "../arbitrary/mutation.js";
import { seed } from "../arbitrary/seed.js";
import { fileOf, names } from "../data/images.js";
import { makeRun, manifest } from "../report/runs.js";
import { small, state, within } from "../runs/small-runs.js";

console.log(`seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), "comet-fuzz-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const many = Number(process.env.COMET_FUZZ ?? 1);
let cases = 0;

/** Draws a case, then uses it: again and again. */
function law<T>(title: string, count: number, draw: (rng: Rng) => T, use: (input: T) => unknown): void {
  test(`${title}: ${count} cases`, async (t) => {
    const rng = createRng(seed).fork(title);
    let accepted = 0;
    for (let i = 0; i < count * many; i++) {
      const input = draw(rng);
      try {
        await use(input);
        accepted++;
      } catch (error) {
        const text = input instanceof Uint8Array ? Buffer.from(input).toString("base64") : String(input);
        assert.ok(
          error instanceof CometError,
          `case ${i}: ${(error as Error)?.stack} on ${text.slice(0, 4000)}`,
        );
      }
      cases++;
    }
    t.diagnostic(`${accepted} accepted`);
  });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const values = Float32Array.from({ length: 60 }, (_, i) => Math.max(0, Math.sin(i)));
const bytes = new Uint8Array(values.buffer);

const tensors = encodeSafetensors(
  [
    ["conv1.weight", { shape: [3, 4], data: values.slice(0, 12) }],
    ["fc.weight", { shape: [48], data: values.slice(12) }],
    ["count", { shape: [], data: Float32Array.of(7), type: "I64" }],
  ],
  { model: "lenet" },
);
const npy = encodeNpy({ shape: [3, 4, 5], data: values });

/** The whole file, or its header alone as JSON. */
function tensorsOf(rng: Rng): Uint8Array {
  if (rng.integer(0, 1) === 0) return mutated(tensors, rng);
  const end = 8 + Number(new DataView(tensors.buffer, tensors.byteOffset).getBigUint64(0, true));
  const json = bytesOf(mutatedJson(JSON.parse(new TextDecoder().decode(tensors.subarray(8, end))), rng));
  return Buffer.concat([
    new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer),
    json,
    tensors.subarray(end),
  ]);
}

law("safetensors", 4000, tensorsOf, (file) => decodeSafetensors(file, "file"));
law(
  ".npy",
  3000,
  (rng) => mutated(npy, rng),
  (file) => decodeNpy(file, "file"),
);

/** Reads as compress does, but for writing. */
async function compressed(file: Uint8Array): Promise<void> {
  const source = Source.of("file", file);
  for (const piece of await piecesOf(source, undefined, new Narrowing())) {
    if (piece.kind === "skip") await source.take(piece.length, "bytes");
    if (piece.kind !== "tensor") continue;
    for (const part of partsOf(piece.shape)) {
      const { bytes, floats } = piece.values;
      floats(await source.take(bytes * part.reduce((product, size) => product * size, 1), piece.name));
    }
  }
  await source.drain();
}

law("safetensors to compress", 2000, tensorsOf, compressed);
law(".npy to compress", 1500, (rng) => mutated(npy, rng), compressed);

const frames = (["fast", "dense"] as const).map((mode) =>
  encode(values, { bound: 1e-2, mode, shape: [4, 15] }),
);
const lossless = encode(values, { lossless: true });
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const kept = Uint8Array.of(1, 2, 3, 4, 5);
const content = new Content();
content.add(kept);
for (const frame of [...frames, lossless]) content.add(new Uint8Array(decode(frame).buffer));
const archive = Buffer.concat([
  ...[magic, Uint8Array.of(section.bytes), u32(kept.length), kept],
  ...[...frames, lossless].flatMap((frame) => [Uint8Array.of(section.frame), frame]),
  ...[
    Uint8Array.of(section.end),
    u32(content.checksum()),
    new Uint8Array(Float64Array.of(content.bytes).buffer),
  ],
]);

law(
  "frames",
  2000,
  (rng) => mutated(rng.integer(0, 1) === 0 ? frames[0]! : frames[1]!, rng),
  (frame) => {
    decode(frame);
    inspect(frame);
    anatomy(frame);
  },
);

law(
  ".cmt",
  2000,
  (rng) => mutated(archive, rng),
  async (file) => {
    for await (const { kind, bytes: own } of sectionsOf(Source.of("file", file))) {
      if (kind === section.frame) decode(own);
    }
  },
);

const idx = encodeIdx([3, 4, 5], bytes.slice(0, 60));
law(
  "IDX",
  1500,
  (rng) => mutated(idx, rng),
  (file) => decodeIdx(file, "file", 3),
);
const zipped = gzipSync(idx);
law(
  "gzipped IDX",
  1500,
  (rng) => mutated(zipped, rng),
  (file) => decodeIdx(unzippedIdx(file, "file", 3), "file", 3),
);

const idxFolder = join(folder, "idx");
mkdirSync(idxFolder);
const idxFiles = {
  "train-images-idx3-ubyte": encodeIdx([4, 5, 6], new Uint8Array(120)),
  "train-labels-idx1-ubyte": encodeIdx([4], Uint8Array.of(0, 1, 2, 3)),
  "t10k-images-idx3-ubyte": encodeIdx([2, 5, 6], new Uint8Array(60)),
  "t10k-labels-idx1-ubyte": encodeIdx([2], Uint8Array.of(4, 5)),
};

law(
  "folders of IDX files",
  300,
  (rng) =>
    Object.entries(idxFiles).map(
      ([name, file]) => [name, rng.integer(0, 1) === 0 ? file : mutated(file, rng)] as const,
    ),
  async (files) => {
    for (const [name, file] of files) writeFileSync(join(idxFolder, name), file);
    await (await openIdxFolder(idxFolder, "fuzz", [..."0123456789"])).close();
  },
);

const cifarFolder = join(folder, "cifar");
mkdirSync(cifarFolder);
const record = new Uint8Array(3073).fill(3);
for (const file of [...cifar10.trainFiles, ...cifar10.testFiles])
  writeFileSync(join(cifarFolder, file), record);

law(
  "CIFAR's records",
  300,
  (rng) => mutated(record, rng),
  async (file) => {
    writeFileSync(join(cifarFolder, cifar10.trainFiles[2]!), file);
    await (await openCifar(cifarFolder, cifar10, { train: 5, test: 1 })).close();
  },
);

const run = makeRun("comet", { steps: 30, weights: 20 });
const whole = manifest("comet", {
  skipped: ["a.jpg"],
  resumed: [{ at: "", step: 3, versions: manifest("comet").versions }],
});
const manifestOf = (rng: Rng) =>
  rng.integer(0, 3) === 0
    ? new TextDecoder().decode(mutated(bytesOf(JSON.stringify(whole)), rng))
    : mutatedJson(whole, rng);
law("manifest.json", 2500, manifestOf, (text) => parseManifest(text, "manifest.json"));

/** A small record of each kind. */
const records = [...new Map(run.records.map((own) => [own.kind, own])).values()].map((own): TrainRecord => {
  if (own.kind === "sample")
    return { ...own, height: 2, width: 2, original: [0, 1, 2, 0], decoded: [0, 1, 2, 0] };
  if (own.kind === "memory") return { ...own, timeline: own.timeline.slice(0, 3) };
  if (own.kind === "sites") return { ...own, sites: own.sites.slice(0, 2) };
  return own.kind === "probe" ? { ...own, rows: own.rows.slice(0, 2) } : own;
});

/** One in `every` of them mutated. */
function logOf(rng: Rng, every = 4): Uint8Array {
  const lines = records.map(
    (own) => `${rng.integer(1, every) === 1 ? mutatedJson(own, rng) : JSON.stringify(own)}\n`,
  );
  const log = bytesOf(lines.join(""));
  return rng.integer(0, 3) === 0 ? mutated(log, rng) : log;
}
law(
  "metrics.jsonl",
  2000,
  (rng) => logOf(rng),
  (log) => recordsOf(log, "metrics.jsonl"),
);
law(
  "reports of what is accepted",
  300,
  (rng) => [rng.integer(0, 3) === 0 ? manifestOf(rng) : JSON.stringify(whole), logOf(rng, 12)] as const,
  ([text, log]) =>
    reportHtml([
      {
        path: "run",
        manifest: parseManifest(text, "manifest.json"),
        records: recordsOf(log, "metrics.jsonl"),
      },
      run,
    ]),
);

/** A run with one checkpoint, which knows all that a controller can know. */
const checkpointed = join(folder, "run");
mkdirSync(checkpointed);
const settings = { ...small, policy: "budget" as const, savedBytes: "8KiB", every: 4 };
await within(settings, async (session) => {
  const { train } = await import("../../src/training/loop.js");
  await train(session, {
    checkpointEvery: 3,
    onCheckpoint: (position) => writeCheckpoint(checkpointed, session, state(position)),
  });
});
const [name] = await listCheckpoints(checkpointed);
const checkpointPath = join(checkpointed, "checkpoints", name!);
const stateText = readFileSync(join(checkpointPath, "state.json"), "utf8");
const { plan, sites } = checkSaved(parseState(stateText, "state.json").store);
assert.ok(plan && plan.tensors.length > 0 && sites.length > 0);

const began = manifest("comet", {
  settings,
  data: { ...whole.data, train: 20, test: 8 },
  status: "interrupted",
});
law(
  "state.json",
  2000,
  (rng) =>
    rng.integer(0, 3) === 0
      ? new TextDecoder().decode(mutated(bytesOf(stateText), rng))
      : mutatedJson(JSON.parse(stateText), rng),
  (text) => {
    const checkpoint: Checkpoint = { path: "checkpoint", state: parseState(text, "state.json") };
    settingsToGoOn("run", began, checkpoint, {});
    checkSaved(checkpoint.state.store);
  },
);

law(
  "exact JSON",
  1000,
  (rng) => mutatedJson(JSON.parse(stringifyExactly([values, Number.NaN, { a: -0 }])), rng),
  (text) => parseExactly(text, "file"),
);

const damagedRun = join(folder, "damaged");
cpSync(checkpointed, damagedRun, { recursive: true });
const sums = join(damagedRun, "checkpoints", name!, "SHA256SUMS");
const goodSums = readFileSync(sums);
law(
  "SHA256SUMS",
  200,
  (rng) => mutated(goodSums, rng),
  (file) => {
    writeFileSync(sums, file);
    return readCheckpoint(damagedRun, name!);
  },
);

const packed = join(folder, "packed");
mkdirSync(join(packed, "set"), { recursive: true });
writeFileSync(join(packed, "set", "a.bin"), "a file");
await create({ file: join(packed, "a.tar"), cwd: packed }, ["set"]);
const tar = readFileSync(join(packed, "a.tar"));
let served: Uint8Array = new Uint8Array();
const server = createServer((_, response) => response.end(served));
await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
after(() => server.close());
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.tar.gz`;

law(
  "archives that are fetched",
  200,
  (rng) => (rng.integer(0, 1) === 0 ? gzipSync(mutated(tar, rng)) : mutated(gzipSync(tar), rng)),
  async (file) => {
    served = file;
    const md5 = { "a.bin": createHash("md5").update("a file").digest("hex") };
    const out = join(folder, "fetched");
    rmSync(out, { recursive: true, force: true });
    await fetchFiles(out, md5, [["archive", archiveSource(address)]], () => {});
  },
);

const pictures = names.map(fileOf).filter(({ length }) => length < 4000);
law(
  "pictures",
  1500,
  (rng) => mutated(pictures[rng.integer(0, pictures.length - 1)]!, rng),
  async (file) => {
    const { width, height, data } = await decodePicture(file, "file", 1e6);
    assert.equal(data.length, 3 * width * height);
  },
);

const lock = join(folder, "lock");
law(
  "locks",
  200,
  (rng) => mutated(bytesOf(`${process.ppid} 1`), rng),
  (file) => {
    writeFileSync(lock, file);
    takeLock(lock)();
  },
);

test("that were enough", () => {
  assert.ok(cases >= 20_000 * Math.min(1, many), `${cases}`);
});
