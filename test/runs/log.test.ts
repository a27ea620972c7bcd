/** metrics.jsonl on a disk that fails on demand: whole lines, marks that last, and nothing taken for granted. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { DataError, DiskError } from "../../src/error.js";
import { Log, readToMark, recordsOf } from "../../src/runs/log.js";
import type { TrainRecord } from "../../src/training/records.js";
import { Disk, on, root } from "../files/disk.js";

const path = `${root}/metrics.jsonl`;
const record = (step: number): TrainRecord => ({
  kind: "audit",
  step,
  frames: 1,
  values: 2,
  worst: 0.5,
  moved: 0,
  unbounded: 0,
  largest: 0,
});
const steps = (disk: Disk) =>
  recordsOf(Buffer.from(disk.text(path) ?? ""), path).map((each) => each.kind === "audit" && each.step);

test("a record that does not fit leaves whole lines, and the log takes the next one", async () => {
  const disk = new Disk();
  await on(disk, async () => {
    const log = new Log(path);
    log.append(record(1));
    disk.capacity = disk.used + 10;
    assert.throws(() => log.append(record(2)), DiskError);
    assert.ok(disk.text(path)!.endsWith("\n"));
    disk.capacity = Number.POSITIVE_INFINITY;
    log.append(record(3));
    log.close();
  });
  assert.deepEqual(steps(disk), [1, 3]);
});

test("what is before a mark survives a crash", async () => {
  const disk = new Disk();
  await on(disk, async () => {
    const log = new Log(path);
    disk.flush();
    log.append(record(1));
    log.mark();
    log.append(record(2));
  });
  assert.deepEqual(steps(disk.after({ bytes: "safe", names: "now" })), [1]);
});

test("a mark is of these bytes and no others", async () => {
  const disk = new Disk();
  await on(disk, async () => {
    const log = new Log(path);
    log.append(record(1));
    const mark = log.mark();
    log.append(record(2));
    log.close();
    assert.equal(readToMark(path, mark).length, mark.bytes);
    const text = disk.text(path)!;
    assert.throws(() => readToMark(path, { ...mark, sha256: "0".repeat(64) }), DataError);
    writeFileSync(path, text.replace('"step":1', '"step":7'), { flag: "w" });
    assert.throws(() => readToMark(path, mark), DataError);
  });
});

test("a log that is opened with its first bytes is cut back to them", async () => {
  const disk = new Disk();
  await on(disk, async () => {
    const first = new Log(path);
    first.append(record(1));
    const mark = first.mark();
    first.append(record(2));
    first.close();
    const again = new Log(path, readToMark(path, mark));
    again.append(record(3));
    again.close();
  });
  assert.deepEqual(steps(disk), [1, 3]);
});
