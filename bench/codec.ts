/**
 * `npm run bench -- codec [--json] [--tensors DIR] [--bounds 0.1,0.01] [--modes fast,dense] [--quantizers support,paper]`
 *
 * Measures each tensor at bounds relative to its largest magnitude: ratio, bits per value, and speed ÷
 * memory.copy of the same array in the same rounds (the best of each, because other load only adds time). It
 * also prints the entropies that a coder of median residuals could reach: of order 0, and in dense mode's
 * sixteen contexts. Every value is checked.
 *
 * --tensors is a folder of .npy files, or of raw .f32 files with an index.json of [{ file, shape }]. The
 * default is the tensors that the convolutions of a ResNet-8 saved after 30 steps on the embedded data.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import type { EncodeOptions } from "../src/codec/index.js";
import { layoutOf } from "../src/codec/layout.js";
import { instantiate } from "../src/codec/module.js";
import { scratchBytes } from "../src/codec/room.js";
import { contextOf, symbolOf, thresholdsFor } from "../src/codec/stages/model.js";
import { expect, zigzag } from "../src/codec/stages/predict.js";
import { contexts, symbols } from "../src/codec/stages/rans.js";
import { WasmCodec } from "../src/codec/wasm.js";
import type { DeviceCodec } from "../src/comet/coding.js";
import { deviceCodec } from "../src/comet/device-codec.js";
import { CometStore } from "../src/comet/store.js";
import { openDataset } from "../src/data/open.js";
import { UsageError } from "../src/error.js";
import { decodeNpy } from "../src/files/npy.js";
import { train } from "../src/training/loop.js";
import { createSession } from "../src/training/session.js";
import { defaults } from "../src/training/settings.js";

export interface Named {
  name: string;
  shape: readonly number[];
  data: Float32Array;
}

export function fromFolder(folder: string): Named[] {
  const files = readdirSync(folder);
  const npy = files.filter((file) => file.endsWith(".npy")).sort();
  if (npy.length > 0) {
    return npy.map((file) => ({
      name: file.slice(0, -4),
      ...decodeNpy(readFileSync(join(folder, file)), file),
    }));
  }
  if (!files.includes("index.json")) {
    throw new UsageError({
      where: "--tensors",
      expected: ".npy files, or .f32 files and an index.json",
      got: folder,
      remedy: "name a folder with tensors, or leave it out",
    });
  }
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
    file: string;
    shape: number[];
  }[];
  return index.map(({ file, shape }) => {
    const bytes = Uint8Array.from(readFileSync(join(folder, file)));
    return { name: file.replace(/\.f32$/, ""), shape, data: new Float32Array(bytes.buffer) };
  });
}

/** The tensors that a short training run saves: for each shape, the last tensor. */
export async function fromTraining(): Promise<Named[]> {
  const dataset = await openDataset("fashion-mnist");
  const session = createSession(
    { ...defaults, store: "comet", policy: "fixed", bound: 1e-3, steps: 30, threads: 1 },
    dataset,
  );
  const { engine } = session;
  const { controller } = engine.store as CometStore;
  const codec = deviceCodec(engine);
  const saved = new Map<string, Named>();
  const capturing: DeviceCodec = {
    ...codec,
    encode(parts, ...rest) {
      for (const { x, length, shape } of parts) {
        const data = new Float32Array(engine.device.memory.buffer, x, length).slice();
        const name = `resnet8-${shape.join("x")}`;
        saved.set(name, { name, shape, data });
      }
      return codec.encode(parts, ...rest);
    },
  };
  engine.store = new CometStore(capturing, controller, { mode: "fast" });
  await train(session);
  return [...saved.values()].filter(({ data }) => data.length >= 10_000);
}

function entropyOf(counts: Float64Array): number {
  let sum = 0;
  let weighted = 0;
  for (const count of counts) {
    sum += count;
    if (count > 0) weighted += count * Math.log2(count);
  }
  return sum > 0 ? sum * Math.log2(sum) - weighted : 0;
}

/**
 * A tensor's integers at this step, the length of its rows, and the size of the planes that are predicted
 * separately.
 */
export function integersOf({ shape, data }: Named, step: number) {
  const { width } = layoutOf(shape, data.length);
  const sizes = shape.filter((size) => size !== 1);
  const plane = sizes.length > 1 && width === sizes.at(-1) ? width * sizes.at(-2)! : data.length;
  const q = Int32Array.from(data, (value) => Math.max(-32767, Math.min(32767, Math.round(value / step))));
  return { q, width, plane };
}

/** The bits of folded residuals in dense mode's sixteen contexts. */
export function contextBits(z: Uint16Array, width: number, plane: number): number {
  let sum = 0;
  for (const value of z) sum += value;
  const mean = sum / z.length;
  let low = 0;
  while (mean >= 16 * 2 ** low) low++;
  const plan = { predictor: 3, gapless: false, low, ...thresholdsFor(mean / 2 ** low) };
  const counts = new Float64Array(contexts * symbols);
  let lows = 0;
  // The lanes of a column are eight symbols apart; only the first lane is used here.
  for (let start = 0; start < z.length; start += plane) {
    let above = new Uint8Array(8 * width);
    for (let row = start; row < Math.min(start + plane, z.length); row += width) {
      const own = new Uint8Array(8 * width);
      for (let x = 0; x < width && row + x < z.length; x++) {
        own[8 * x] = Math.min(255, symbolOf(z[row + x]!, low));
        if (own[8 * x]! > 0) lows += low;
        counts[contextOf(own, above, 8 * x, plan) * symbols + own[8 * x]!]!++;
      }
      above = own;
    }
  }
  let bits = lows;
  for (let c = 0; c < contexts; c++) bits += entropyOf(counts.subarray(c * symbols, (c + 1) * symbols));
  return bits;
}

/** Bits per value of median residuals at this step: of order 0, and in sixteen contexts. */
function entropies(tensor: Named, step: number): { order0: number; context: number } {
  const { q, width, plane } = integersOf(tensor, step);
  const z = new Uint16Array(q.length);
  const order0 = new Float64Array(65536);
  for (let start = 0; start < q.length; start += plane) {
    const own = q.subarray(start, start + plane);
    for (let i = 0; i < own.length; i++) {
      z[start + i] = zigzag(((own[i]! - expect(own, i, width, 3)) << 16) >> 16, 16);
      order0[z[start + i]!]!++;
    }
  }
  return { order0: entropyOf(order0) / z.length, context: contextBits(z, width, plane) / z.length };
}

class Bench {
  readonly #memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
  readonly #codec: WasmCodec;
  readonly #base: number;

  constructor() {
    const exports = instantiate(this.#memory);
    const scratch = Math.ceil((exports.memoryBase as () => number)() / 64) * 64;
    this.#codec = new WasmCodec(exports, this.#memory, scratch);
    this.#base = scratch + scratchBytes;
  }

  run({ shape, data }: Named, options: Omit<EncodeOptions, "shape"> & { bound: number }, rounds: number) {
    const bytes = data.byteLength;
    const x = this.#base;
    const out = x + Math.ceil(bytes / 64) * 64;
    const capacity = Math.ceil(bytes * 1.3) + 1024;
    const back = out + Math.ceil(capacity / 64) * 64;
    const missing = Math.ceil((back + bytes) / 65536) - this.#memory.buffer.byteLength / 65536;
    if (missing > 0) this.#memory.grow(missing);
    const memory = new Uint8Array(this.#memory.buffer);
    new Float32Array(this.#memory.buffer, x, data.length).set(data);
    let frame = 0;
    const best = [Infinity, Infinity, Infinity];
    const jobs = [
      () => memory.copyWithin(back, x, x + bytes),
      () => {
        frame = this.#codec.encodeAt(x, data.length, shape, options, out, capacity);
      },
      () => this.#codec.decodeAt(out, frame, back),
    ];
    for (let round = 0; round < rounds; round++) {
      jobs.forEach((job, k) => {
        const start = performance.now();
        job();
        best[k] = Math.min(best[k]!, performance.now() - start);
      });
    }
    const y = new Float32Array(this.#memory.buffer, back, data.length);
    let outOfBound = 0;
    for (let i = 0; i < data.length; i++) {
      if (!(Math.abs(data[i]! - y[i]!) < options.bound) && !Object.is(data[i], y[i])) outOfBound++;
    }
    return { ratio: bytes / frame, encode: best[0]! / best[1]!, decode: best[0]! / best[2]!, outOfBound };
  }
}

export async function bench(args: string[]): Promise<void> {
  const { values: options } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      tensors: { type: "string" },
      bounds: { type: "string", default: "0.1,0.01,0.001,0.0001" },
      modes: { type: "string", default: "fast,dense" },
      quantizers: { type: "string", default: "support,paper" },
      rounds: { type: "string", default: "9" },
    },
  });
  const tensors = options.tensors === undefined ? await fromTraining() : fromFolder(options.tensors);
  const bench = new Bench();
  const rows = [];
  for (const tensor of tensors) {
    const largest = tensor.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const relative of options.bounds.split(",").map(Number)) {
      const bound = Math.fround(relative * largest);
      const entropy = entropies(tensor, 2 * bound);
      for (const mode of options.modes.split(",") as ("fast" | "dense")[]) {
        for (const quantizer of options.quantizers.split(",") as ("support" | "paper")[]) {
          const result = bench.run(tensor, { bound, mode, quantizer }, Number(options.rounds));
          const bits = 32 / result.ratio;
          rows.push({ tensor: tensor.name, relative, mode, quantizer, bits, ...result, ...entropy });
        }
      }
    }
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(rows, null, 1)}\n`);
    return;
  }
  const head = [
    "tensor",
    "bound",
    "mode",
    "quantizer",
    "ratio",
    "bits",
    "order 0",
    "context",
    "enc ÷ memcpy",
    "dec",
    "out",
  ];
  const table = new Table({ head });
  for (const r of rows) {
    const numbers = [r.ratio, r.bits, r.order0, r.context].map((value) => value.toFixed(2));
    table.push([
      r.tensor,
      r.relative,
      r.mode,
      r.quantizer,
      ...numbers,
      r.encode.toFixed(3),
      r.decode.toFixed(3),
      r.outOfBound,
    ]);
  }
  process.stdout.write(`${table}\n`);
}
