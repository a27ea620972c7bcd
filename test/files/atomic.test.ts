/** What writers promise, on a disk that is full, takes little at a time, or loses all that was not flushed. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { DiskError } from "../../src/error.js";
import { makeFolderAtomically, writeAtomically } from "../../src/files/atomic.js";
import { Output } from "../../src/files/output.js";
import { encodeSafetensors, writeSafetensors } from "../../src/files/safetensors.js";
import { recordsOf } from "../../src/runs/log.js";
import type { Manifest } from "../../src/runs/manifest.js";
import { RunFolder } from "../../src/runs/run.js";
import { manifest } from "../report/runs.js";
import { Disk, on, root, type Survival, survivals } from "./disk.js";

const file = `${root}/file`;
const old = "the old contents";
const fresh = "new contents, which are longer than the old ones";

/** A disk with a file on it. */
async function withOld(): Promise<Disk> {
  const disk = new Disk();
  await on(disk, () => writeAtomically(file, old));
  disk.flush();
  disk.changes = 0;
  return disk;
}

interface Promised {
  /** What was acknowledged before the crash, in order. */
  told: string[];
  crashed: boolean;
}

/** Does `work` again and again, with a crash at each change of the disk, and judges what each crash can leave. */
async function atEveryCrash(
  begin: () => Promise<Disk>,
  work: (acknowledge: (what: string) => void) => unknown,
  judge: (survivor: Disk, promised: Promised, where: string) => void | Promise<void>,
): Promise<number> {
  for (let crashAt = 1; ; crashAt++) {
    const disk = await begin();
    disk.crashAt = crashAt;
    const told: string[] = [];
    await on(disk, async () => {
      try {
        await work((what) => told.push(what));
      } catch (cause) {
        if (!disk.crashed) throw cause;
      }
    });
    for (const survival of survivals) {
      const where = `crash at change ${crashAt}, ${describe(survival)}, after ${told.join(", ") || "nothing"}`;
      await judge(disk.after(survival), { told, crashed: disk.crashed }, where);
    }
    if (!disk.crashed) return crashAt;
  }
}

const describe = ({ bytes, names }: Survival) => `${bytes} bytes, ${names} names`;

const inParts = () => {
  const output = Output.open(file);
  try {
    for (const part of [fresh.slice(0, 5), fresh.slice(5, 20), fresh.slice(20)]) output.write(part);
    output.commit();
  } catch (cause) {
    output.abandon();
    throw cause;
  }
};
const tensor = { shape: [3], data: Float32Array.of(1, 2, 3) };
const writers: readonly [title: string, write: () => unknown, written: string][] = [
  ["writeAtomically", () => writeAtomically(file, fresh), fresh],
  ["an output in parts", inParts, fresh],
  [
    "writeSafetensors",
    () => writeSafetensors(file, [["w", tensor]]),
    new TextDecoder().decode(encodeSafetensors([["w", tensor]])),
  ],
];

for (const [title, write, written] of writers) {
  test(`${title}: whatever is lost in a crash, the file is old or new, and new once that was acknowledged`, async () => {
    const moments = await atEveryCrash(
      withOld,
      async (acknowledge) => {
        await write();
        acknowledge("written");
      },
      (disk, { told }, where) => {
        const text = disk.text(file);
        if (told.length > 0) assert.equal(text, written, where);
        else assert.ok(text === old || text === written, `${where}: ${text}`);
      },
    );
    assert.ok(moments > 4);
  });

  test(`${title}: on a full disk the old file stays, alone, and a DiskError says so`, async () => {
    const disk = await withOld();
    const needed = disk.used + written.length;
    for (let capacity = disk.used; capacity < needed; capacity += 3) {
      disk.capacity = capacity;
      await on(disk, () =>
        assert.rejects(
          async () => write(),
          (error: Error) =>
            error instanceof DiskError &&
            error.message ===
              `${file}: expected space for what is written, got a full disk; free space there`,
        ),
      );
      assert.deepEqual([disk.text(file), disk.names(root)], [old, ["file"]]);
    }
    disk.capacity = needed;
    await on(disk, () => write());
    assert.deepEqual([disk.text(file), disk.names(root)], [written, ["file"]]);
  });

  test(`${title}: a disk that takes little at a time gets all`, async () => {
    const disk = await withOld();
    disk.gulp = 3;
    await on(disk, () => write());
    assert.deepEqual([disk.text(file), disk.names(root)], [written, ["file"]]);
  });
}

test("a folder is there whole or not at all, and for good once that was acknowledged", async () => {
  const folder = `${root}/folder`;
  const fill = (own: string) => {
    writeAtomically(`${own}/a`, old);
    writeAtomically(`${own}/b`, fresh);
    mkdirSync(`${own}/c`);
  };
  await atEveryCrash(
    async () => new Disk(),
    async (acknowledge) => {
      await makeFolderAtomically(folder, fill);
      acknowledge("made");
    },
    (disk, { told }, where) => {
      const found = [disk.names(folder), disk.text(`${folder}/a`), disk.text(`${folder}/b`)];
      const isThere = disk.names(root).includes("folder");
      assert.ok(isThere || told.length === 0, where);
      if (isThere) assert.deepEqual(found, [["a", "b", "c"], old, fresh], where);
    },
  );
  const full = new Disk();
  full.capacity = old.length + 3;
  await on(full, () => assert.rejects(makeFolderAtomically(folder, fill), DiskError));
  assert.deepEqual([full.names(root), full.used], [[], 0]);
});

const record = (step: number) => ({ kind: "audit", step, frames: 0, values: 0, worst: 0, moved: 0 }) as const;

/** A run of four records with a mark behind the second; returns what was told of its log there. */
function run(acknowledge: (what: string) => void): void {
  const folder = RunFolder.create(`${root}/runs`, manifest("comet", { id: "run", status: "running" }));
  acknowledge("begun");
  folder.append(record(0));
  folder.append(record(1));
  acknowledge(`marked ${folder.mark().bytes}`);
  folder.append(record(2));
  folder.update({ steps: 3 });
  acknowledge("updated");
  folder.append(record(3));
  folder.close({ status: "done" });
  acknowledge("done");
}

const recordsIn = (text: string) => recordsOf(new TextEncoder().encode(text), "metrics.jsonl");

test("a run's manifest is whole at any moment, and what its log was flushed up to is there", async () => {
  await atEveryCrash(
    async () => new Disk(),
    run,
    (disk, { told }, where) => {
      const text = disk.text(`${root}/runs/run/manifest.json`);
      const log = disk.text(`${root}/runs/run/metrics.jsonl`);
      if (told.length === 0 && text === null) return;
      const { status, steps } = JSON.parse(text!) as Manifest;
      if (told.includes("updated")) assert.equal(steps, 3, where);
      if (told.includes("done")) assert.equal(status, "done", where);
      const marked = Number(told.find((what) => what.startsWith("marked"))?.slice(7) ?? 0);
      assert.ok(log !== null && log.length >= marked, where);
      assert.ok(recordsIn(log.slice(0, marked)).every((found, i) => "step" in found && found.step === i));
      assert.ok(marked === 0 || recordsIn(log.slice(0, marked)).length === 2, where);
    },
  );
});

test("on a full disk a run ends interrupted, says so, and keeps the records that it had", async () => {
  const free = new Disk();
  await on(free, () => run(() => {}));
  const statuses = new Set<string>();
  for (let capacity = 0; capacity < free.used + 200_000; capacity += 331) {
    const disk = new Disk();
    disk.capacity = capacity;
    await on(disk, () => {
      let folder: RunFolder;
      try {
        folder = RunFolder.create(`${root}/runs`, manifest("comet", { id: "run", status: "running" }));
      } catch (error) {
        assert.ok(error instanceof DiskError, String(error));
        assert.deepEqual(disk.names(`${root}/runs`), []);
        statuses.add("not begun");
        return;
      }
      let appended = 0;
      try {
        for (; appended < 400; appended++) folder.append(record(appended));
        folder.close({ status: "done" });
      } catch (error) {
        assert.ok(error instanceof DiskError, String(error));
        folder.close({ status: "interrupted", error: error.message });
      }
      const { status } = JSON.parse(disk.text(`${folder.path}/manifest.json`)!) as Manifest;
      const log = disk.text(`${folder.path}/metrics.jsonl`)!;
      assert.equal(status, appended === 400 ? "done" : "interrupted");
      assert.ok(log === "" || log.endsWith("\n"));
      assert.equal(recordsIn(log).length, appended);
      assert.deepEqual(disk.names(folder.path), ["manifest.json", "metrics.jsonl"]);
      statuses.add(status);
    });
  }
  assert.deepEqual([...statuses].sort(), ["done", "interrupted", "not begun"]);
});
