/** The kernels for few bits a value give the same bits however their work is split. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Device } from "../../src/device/device.js";
import { groupBytes, type Kernels } from "../../src/kernels/kernels.js";
import { simdKernels } from "../../src/kernels/simd.js";
import { normals } from "../laws/quantisers.js";

const values = normals(3 * 5 * 77, "threads");

/** What all of them leave, one after the other. */
function results(device: Device, kernels: Kernels): number[] {
  const floats = (from: ArrayLike<number>) => {
    const view = device.f32(device.allocate(4 * from.length, "activations", "test"));
    view.set(from);
    return view;
  };
  const bytes = (from: ArrayLike<number>) => {
    const view = device.u8(device.allocate(from.length, "activations", "test"));
    view.set(from);
    return view;
  };
  const x = floats(values);
  const back = floats(new Float32Array(values.length));
  const found: number[] = [];
  const rowBits = bytes([1, 5, 3]);
  const shape = { rows: 3, size: 5 * 77, group: 20, range: "rounded" } as const;
  const perRow = Math.ceil(shape.size / shape.group);
  const packed = bytes(new Uint8Array([...rowBits].reduce((sum, b) => sum + perRow * groupBytes(20, b), 0)));
  const ranges = bytes(new Uint8Array(3 * perRow * 4));
  kernels.quantizeGroups(packed, ranges, x, rowBits, shape, 7);
  kernels.dequantizeGroups(back, packed, ranges, rowBits, shape);
  found.push(...packed, ...ranges, ...back);
  const energy = floats(new Float32Array(3));
  kernels.groupSpans(energy, x, shape);
  found.push(...energy);
  const channelBits = bytes([2, 7, 4, 8, 1]);
  const levels = floats([-3, 2, -3, 0.05, -3, 0.4, -3, 0.03, 0, 1]);
  const channels = { N: 3, C: 5, size: 77 };
  const codes = bytes(new Uint8Array(3 * [...channelBits].reduce((sum, b) => sum + groupBytes(77, b), 0)));
  kernels.quantizeLevels(codes, x, levels, channelBits, channels, "nearest");
  kernels.dequantizeLevels(back, codes, levels, channelBits, channels, 0.5);
  found.push(...codes, ...back);
  return found;
}

test("one call and many calls on several threads leave the same bits", async () => {
  const runs: number[][] = [];
  for (const [threads, leastWork] of [
    [1, 1 << 20],
    [1, 1],
    [2, 1],
    [3, 1],
  ] as const) {
    const device = new Device({ memory: 16 << 20 });
    const kernels = simdKernels(device, { threads, leastWork });
    runs.push(results(device, kernels));
    await kernels.close();
  }
  for (const run of runs.slice(1)) assert.deepEqual(run, runs[0]);
});
