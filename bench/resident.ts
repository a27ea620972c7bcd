/**
 * npm run bench -- resident [--model resnet8] [--data fashion-mnist] [--image SIZE] [--batch 64] [--steps 60] [--mode fast]
 *
 * Says which parts of a training process are resident, by the operating system's count, under the plain store and under
 * COMET. Each store has a process of its own. Linux only, because the pages of the device are read from /proc/self/smaps.
 *
 *   device, peak     the most bytes of live tensors and frames at a time: the ledger's count
 *   device, touched  the pages of the device's memory that were ever written; none goes back while the process lives
 *   JavaScript       the heap and the arrays outside of it, when the steps are done
 *   rest             Node itself, compiled code, thread stacks, and heap pages that are empty at present
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { openDataset } from "../src/data/open.js";
import { formatBytes } from "../src/device/ledger.js";
import type { StoreName } from "../src/stores/registry.js";
import { train } from "../src/training/loop.js";
import { createSession } from "../src/training/session.js";
import { defaults } from "../src/training/settings.js";

interface Parts {
  residentBytes: number;
  devicePeakBytes: number;
  touchedBytes: number;
  scriptBytes: number;
}

type Given = Record<"model" | "data" | "image" | "batch" | "steps" | "mode", string>;

/** The resident bytes of the one mapping that has the size of the device's memory. */
function touchedBytes(budget: number): number {
  const maps = [
    ...readFileSync("/proc/self/smaps", "utf8").matchAll(/^Size: +(\d+) kB[\s\S]*?^Rss: +(\d+) kB/gm),
  ];
  const [, , resident] = maps.find(([, size]) => Number(size) * 1024 === budget) ?? [];
  if (resident === undefined) throw new Error("no mapping has the device's size");
  return Number(resident) * 1024;
}

async function partsOf(store: StoreName, given: Given) {
  const { model, mode } = given;
  const [batch, steps] = [Number(given.batch), Number(given.steps)];
  const { test, ...dataset } = await openDataset(given.data, { size: Number(given.image) });
  const settings = {
    ...defaults,
    model,
    batch,
    steps,
    store,
    ...(store === "comet" && { mode: mode as "fast" }),
  };
  const session = createSession(settings, { ...dataset, test: { ...test, length: 0, batch() {} } });
  let devicePeakBytes = 0;
  await train(session, {
    onStep: (step) => {
      devicePeakBytes = Math.max(devicePeakBytes, step.devicePeakBytes);
    },
  });
  const { heapUsed, external } = process.memoryUsage();
  const { budget } = session.engine.device;
  const parts: Parts = {
    residentBytes: process.resourceUsage().maxRSS * 1024,
    devicePeakBytes,
    touchedBytes: touchedBytes(budget),
    // The device is one of the arrays outside the heap.
    scriptBytes: heapUsed + external - (external > budget ? budget : 0),
  };
  await session.close();
  await dataset.close();
  return parts;
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "resnet8" },
      data: { type: "string", default: "fashion-mnist" },
      image: { type: "string", default: "224" },
      batch: { type: "string", default: "64" },
      steps: { type: "string", default: "60" },
      mode: { type: "string", default: "fast" },
      store: { type: "string" },
    },
  });
  const { store, ...given } = values;
  if (store !== undefined) {
    console.log(JSON.stringify(await partsOf(store as StoreName, given)));
    return;
  }
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const table = new Table({
    head: ["store", "resident, peak", "device, peak", "device, touched", "JavaScript", "rest"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right"],
  });
  for (const name of ["plain", "comet"]) {
    const output = execFileSync(process.execPath, [main, "resident", ...args, "--store", name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { residentBytes, devicePeakBytes, touchedBytes, scriptBytes } = JSON.parse(output) as Parts;
    const rest = residentBytes - touchedBytes - scriptBytes;
    table.push([name, ...[residentBytes, devicePeakBytes, touchedBytes, scriptBytes, rest].map(formatBytes)]);
  }
  console.log(`${given.model}, batch ${given.batch}, ${given.data}, ${given.steps} steps\n${table}`);
}
