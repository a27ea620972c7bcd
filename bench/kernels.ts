/**
 * `npm run bench -- kernels [--json] [--threads N] [--only TEXT] [--rounds N] [--fused]`
 *
 * Compares each kernel with the speed of this machine, measured in the same rounds:
 *   products: ÷ the rate of the micro-kernel on data in the L1 cache (multiply-adds per second)
 *   others:   ÷ memory.copy of as many bytes read and written
 * Before it is timed, each result is compared with the reference's bits (fused products: within 1e-3). One
 * thread is timed in CPU time, which other load disturbs less; several threads are timed in wall time.
 */
import { parseArgs } from "node:util";
import { Device } from "../src/device/device.js";
import type { Kernel } from "../src/device/kernel-module.js";
import { median } from "../src/experiments/statistics.js";
import type { Kernels } from "../src/kernels/kernels.js";
import { referenceKernels } from "../src/kernels/reference.js";
import { simdKernels } from "../src/kernels/simd.js";
import { createRng } from "../src/rng.js";
import { type Case, cases } from "./cases.js";

/** The least time of one measurement. */
const measureMs = 12;
/**
 * With more multiply-adds the comparison with the reference takes too long; the property tests cover those
 * shapes.
 */
const mostChecked = 40e6;

/** Milliseconds per call; the call is repeated until the time is measurable. */
function time(call: () => unknown, clock: () => number): number {
  for (let repeats = 1; ; repeats *= 2) {
    const start = clock();
    for (let i = 0; i < repeats; i++) call();
    const passed = clock() - start;
    if (passed >= measureMs) return passed / repeats;
  }
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** New buffers with contents from one seed, on the device or on the heap. */
function buffers(place: (bytes: number) => Uint8Array) {
  const rng = createRng(1);
  return {
    floats(n: number): Float32Array {
      const bytes = place(4 * n);
      const view = new Float32Array(bytes.buffer, bytes.byteOffset, n);
      for (let i = 0; i < n; i++) view[i] = rng.uniform() - 0.5;
      return view;
    },
    bytes: (n: number): Uint8Array => place(n).fill(0x5a),
  };
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function near(a: Uint8Array, b: Uint8Array): boolean {
  const floats = (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  return floats(a).every((value, i) => Math.abs(value - floats(b)[i]!) < 1e-3);
}

/** Runs the case on both implementations and compares every buffer and the result. */
function check(c: Case, device: Device, kernels: Kernels): void {
  const kept: Uint8Array[][] = [[], []];
  const places = [
    (bytes: number) => new Uint8Array(bytes),
    (bytes: number) => device.u8(device.allocate(bytes, "activations", c.name)),
  ];
  const results = [referenceKernels, kernels].map((k, i) => {
    const { floats, bytes } = buffers((size) => {
      const view = places[i]!(size);
      kept[i]!.push(view);
      return view;
    });
    return c.prepare(floats, bytes)(k);
  });
  const rounded = device.profile === "fused" && c.products !== undefined;
  const same = kept[0]!.every((bytes, i) => (rounded ? near : equal)(bytes, kept[1]![i]!));
  if (!same || results[0] !== results[1]) throw new Error(`${c.name}: not the reference's bits`);
}

function freeAll(device: Device): void {
  for (const block of [...device.blocks()]) if (block.category === "activations") device.free(block);
}

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      threads: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      rounds: { type: "string", default: "5" },
      fused: { type: "boolean", default: false },
    },
  });
  const threads = Number(values.threads);
  const device = new Device({ memory: 1 << 30, build: values.fused ? "fused" : "release" });
  const kernels = simdKernels(device, { threads });
  while (kernels.ready() < threads) await new Promise((done) => setTimeout(done, 5));
  const clock = threads === 1 ? cpuMs : () => performance.now();

  const depth = 256;
  const block = device.allocate(64 * 1024, "parameters", "micro-kernel");
  const scratch = block.pin();
  device.f32(block).fill(0);
  const multiply = device.exports.multiplyPacked as Kernel;
  const copy = device.exports.copy as Kernel;
  const [quads, panel, tile] = [scratch, scratch + 16384, scratch + 49152];
  const peak = () => multiply(quads, panel, 32, depth, tile, 32, tile, 32);

  const rows = [];
  for (const c of cases.filter(({ name }) => name.includes(values.only))) {
    if ((c.products ?? 0) <= mostChecked) check(c, device, kernels);
    freeAll(device);
    const { floats, bytes } = buffers((size) => device.u8(device.allocate(size, "activations", c.name)));
    const call = c.prepare(floats, bytes);
    const half = Math.floor((c.bytes ?? 0) / 2);
    const from = half > 0 ? device.allocate(half, "activations", "copied").address : 0;
    const to = half > 0 ? device.allocate(half, "activations", "copied").address : 0;
    const runs = Array.from({ length: Number(values.rounds) }, () => {
      const ms = time(() => call(kernels), clock);
      const best = c.products
        ? (time(peak, clock) * c.products) / (32 * depth)
        : time(() => copy(to, from, half), clock);
      return { ms, ratio: best / ms };
    });
    const ms = median(runs.map((run) => run.ms));
    const rate = c.products ? (2 * c.products) / ms / 1e6 : c.bytes! / ms / 1e6;
    rows.push({
      name: c.name,
      ms,
      rate,
      unit: c.products ? "GFLOP/s" : "GB/s",
      ratio: median(runs.map((r) => r.ratio)),
    });
    freeAll(device);
    const { name, unit, ratio } = rows.at(-1)!;
    if (!values.json) {
      const against = c.products ? "multiply-add rate" : "memcpy";
      console.log(
        `${name.padEnd(38)} ${ms.toFixed(3).padStart(9)} ms ${rate.toFixed(1).padStart(6)} ${unit.padEnd(7)} ${ratio.toFixed(2)} of ${against}`,
      );
    }
  }
  if (values.json)
    console.log(JSON.stringify({ threads, profile: device.profile, node: process.version, rows }, null, 1));
}
