/** Offload: the bits of the plain store, with less in the device; what the link would cost is modelled, and told apart. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createEngine } from "../../src/engine/engine.js";
import type { SaveRequest } from "../../src/engine/packed.js";
import { PlainStore } from "../../src/engine/store.js";
import { Tensor } from "../../src/engine/tensor.js";
import { UsageError } from "../../src/error.js";
import { recordShape } from "../../src/runs/record.js";
import { HostFile, HostMemory } from "../../src/stores/offload/host.js";
import { Link } from "../../src/stores/offload/link.js";
import { OffloadStore } from "../../src/stores/offload.js";
import { train } from "../../src/training/loop.js";
import type { TrainRecord } from "../../src/training/records.js";
import { createSession } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";
import { noise, small, within } from "../runs/small-runs.js";

const folder = mkdtempSync(join(tmpdir(), "comet-offload-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("the link's stalls are the known ones: layers of 2 ms and 4 ms, 20, 2 and 0 bytes, 2 bytes a millisecond", () => {
  let computed = 0;
  const link = new Link(2, () => computed);
  const bytes = [20, 2, 0];
  // Forward: a layer's input leaves while the layer computes. Σ max(2, bytes/2) = 14
  for (const each of bytes) {
    link.transfer(each);
    computed += 2;
    link.join();
  }
  assert.equal(computed + link.stallMs, 14);
  // Backward: the input of the layer before comes back while a layer computes. Σ max(4, bytes/2) = 18
  let arrival = 0;
  for (const before of [2, 20, null]) {
    link.wait(arrival);
    if (before !== null) arrival = link.transfer(before);
    computed += 4;
  }
  assert.equal(computed + link.stallMs, 14 + 18);
  assert.equal(computed, 6 + 12);
});

interface Trained {
  weights: string;
  records: TrainRecord[];
}

const resnet: Settings = { ...small, model: "resnet8", epochs: 4, steps: 20 };

async function trained(settings: Partial<Settings>): Promise<Trained> {
  const records: TrainRecord[] = [];
  const run = { ...resnet, ...settings };
  const { weights } = await within(
    run,
    (session) => train(session, { onRecord: (record) => records.push(record) }),
    noise(16),
  );
  return { weights, records };
}

const last = <K extends TrainRecord["kind"]>(records: readonly TrainRecord[], kind: K) =>
  records.findLast((record): record is Extract<TrainRecord, { kind: K }> => record.kind === kind)!;

test("after 20 steps the weights have the bits of the plain store, and the device holds less", async () => {
  const plain = await trained({ store: "plain" });
  assert.equal(last(plain.records, "transfers"), undefined);
  for (const settings of [
    { offloadSites: "all", offloadTo: "memory" },
    { offloadSites: "conv", offloadTo: "memory" },
    { offloadSites: "all", offloadTo: "file", offloadFolder: folder },
  ] as const) {
    const moved = await trained({ store: "offload", ...settings });
    assert.equal(moved.weights, plain.weights, JSON.stringify(settings));
    const [step, before] = [last(moved.records, "step"), last(plain.records, "step")];
    const { sentBytes, fetchedBytes, hostPeakBytes, late, stallMs, computeMs, modelledMs } = last(
      moved.records,
      "transfers",
    );
    assert.equal(sentBytes, fetchedBytes);
    assert.equal(hostPeakBytes, sentBytes);
    assert.equal(late, 0);
    assert.equal(modelledMs, computeMs + stallMs);
    // As a line of metrics.jsonl, it is a record that runs know.
    const line: unknown = JSON.parse(JSON.stringify(last(moved.records, "transfers")));
    assert.equal(recordShape.find(line), null);
    // What left the device is no longer in it, except for the two largest at a time.
    const share = settings.offloadSites === "all" ? 0.45 : 0.75;
    assert.ok(step.savedPeakBytes < share * before.savedPeakBytes, `${step.savedPeakBytes} bytes`);
    assert.ok(step.devicePeakBytes < before.devicePeakBytes);
    if (settings.offloadSites === "all") assert.ok(sentBytes > 0.8 * before.packedBytes);
  }
});

test("with COMET's frames on the link, the weights are COMET's and fewer bytes leave", async () => {
  const comet = await trained({ store: "comet", every: 3 });
  const both = await trained({ store: "offload", offloadCarries: "comet", every: 3 });
  const plain = await trained({ store: "offload" });
  assert.equal(both.weights, comet.weights);
  const [fewer, more] = [last(both.records, "transfers"), last(plain.records, "transfers")];
  assert.ok(fewer.sentBytes < 0.5 * more.sentBytes, `${fewer.sentBytes} of ${more.sentBytes}`);
  assert.ok(last(both.records, "step").savedPeakBytes < last(comet.records, "step").savedPeakBytes);
});

test("with segments that are computed again the weights are COMET's with the same segments", async () => {
  const settings = { every: 3, steps: 6, recompute: "sqrt" } as const;
  const comet = await trained({ store: "comet", ...settings });
  const both = await trained({ store: "offload", offloadCarries: "comet", ...settings });
  assert.equal(both.weights, comet.weights);
  assert.ok(last(both.records, "step").savedPeakBytes < last(comet.records, "step").savedPeakBytes);
});

test("a slower link stalls longer, and changes nothing else", async () => {
  const [slow, fast] = [
    await trained({ store: "offload", linkRate: 0.1, steps: 3 }),
    await trained({ store: "offload", linkRate: 1e9, steps: 3 }),
  ];
  assert.equal(slow.weights, fast.weights);
  // The least that a transfer of all bytes takes, less what the step computes meanwhile.
  const { stallMs, computeMs, sentBytes } = last(slow.records, "transfers");
  assert.ok(stallMs >= (2 * sentBytes) / 100 - computeMs, `${stallMs} ms`);
  assert.ok(last(fast.records, "transfers").stallMs < 1);
});

const request: SaveRequest = {
  site: { name: "here.x", op: "conv2d", parameter: null },
  need: "value",
  ...{ share: 1, positive: false, sole: true, derived: false },
};

/** Packs five tensors of 64 KiB on a device with room for some more. */
function fiveOn(memory: number) {
  const host = new HostMemory();
  const store = new OffloadStore(new PlainStore(), host, { offloadSites: "all", linkRate: 69 });
  const engine = createEngine({ memory, store });
  const packed = [0, 1, 2, 3, 4].map((i) => {
    const x = Tensor.from(engine, new Float32Array(1 << 14).fill(i), [1, 4, 64, 64]);
    const form = store.pack(x, [request], true);
    x.dispose();
    return form;
  });
  return { engine, store, host, packed };
}

test("one tensor stays, and on the way back two are in the device", () => {
  const { engine, store, host, packed } = fiveOn(4 << 20);
  const { live } = engine.device.ledger;
  assert.equal(live.saved, 1 << 16);
  assert.equal(host.liveBytes, 4 << 16);
  for (const [i, form] of [...packed.entries()].reverse()) {
    const x = form.range(0, 1);
    assert.ok(x.data.every((value) => value === i));
    assert.equal(live.saved, i > 0 ? 2 << 16 : 1 << 16);
    x.dispose();
    form.free();
  }
  assert.equal(live.saved, 0);
  assert.equal(host.liveBytes, 0);
  assert.deepEqual(store.transfers().late, 0);
});

test("tensors that are given up unread leave nothing behind, wherever they are", () => {
  const { engine, host, packed } = fiveOn(4 << 20);
  for (const form of packed) form.free();
  assert.equal(engine.device.ledger.live.saved, 0);
  assert.equal(host.liveBytes, 0);
});

test("where the device has no room to fetch ahead, a tensor is fetched when it is needed", () => {
  const { engine, store, packed } = fiveOn(2 << 20);
  const { device } = engine;
  const room = device.allocate(8, "workspace", "test");
  let size = device.budget;
  let hog: ReturnType<typeof device.allocate> | null = null;
  for (; hog === null && size > 0; size -= 1 << 12)
    if (device.fits(size)) hog = device.allocate(size, "workspace", "hog");
  const x = packed[4]!.range(0, 1);
  x.dispose();
  assert.equal(store.transfers().late, 1);
  packed[4]!.free();
  const y = packed[3]!.range(0, 1);
  assert.ok(y.data.every((value) => value === 3));
  y.dispose();
  for (const form of packed.slice(0, 4)) form.free();
  device.free(hog!);
  device.free(room);
});

test("the file has no name while it is in use, and a folder that is none is an error that names the setting", () => {
  const own = join(folder, "files");
  assert.throws(
    () => new HostFile(own),
    (error: Error) =>
      error instanceof UsageError && /offloadFolder.*ENOENT.*settings\.offloadTo memory/s.test(error.message),
  );
  assert.ok(!existsSync(own));
  const before = readdirSync(folder);
  const host = new HostFile(folder);
  const deposits = [3, 5].map((value) => host.deposit(new Uint8Array(1000).fill(value)));
  assert.deepEqual(readdirSync(folder), before);
  const to = new Uint8Array(1000);
  deposits[1]!.read(to);
  assert.ok(to.every((value) => value === 5));
  for (const deposit of deposits) deposit.free();
  assert.equal(host.liveBytes, 0);
  host.close();
  host.close();
});

test("settings that make no sense are refused, with what would do", () => {
  for (const [settings, expected] of [
    [{ linkRate: 0 }, /settings\.linkRate.*above 0.*138/s],
    [{ offloadTo: "disc" }, /settings\.offloadTo.*memory, file/s],
    [{ offloadTo: "file", offloadFolder: "/no/such/folder" }, /offloadFolder/],
  ] as const) {
    assert.throws(
      () => createSession({ ...small, store: "offload", ...(settings as Partial<Settings>) }, noise(16)),
      (error: Error) => error instanceof UsageError && expected.test(error.message),
    );
  }
});
