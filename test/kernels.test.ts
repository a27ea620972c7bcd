/** Every kernel of every wasm build returns the reference's bits, and writes nowhere else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Device } from "../src/device/device.js";
import type { Kernels } from "../src/kernels/kernels.js";
import { referenceKernels } from "../src/kernels/reference.js";
import { simdKernels } from "../src/kernels/simd.js";
import { seed } from "./arbitrary/seed.js";
import { agrees, laws, type Subject, type View } from "./laws/kernels.js";

const guardBytes = 64;
const guardByte = 0xa5;

/** Buffers in the device at every 4-byte alignment, between guard bytes that must survive. */
function onDevice(device: Device, kernels: Kernels): Subject {
  let placed = 0;
  return {
    kernels,
    withBuffers(originals, use) {
      const blocks = originals.map((original) =>
        device.allocate(original.byteLength + 2 * guardBytes + 16, "activations", "test"),
      );
      try {
        const views = originals.map((original, i): View => {
          device.u8(blocks[i]!).fill(guardByte);
          const address = blocks[i]!.address + guardBytes + 4 * (placed++ % 4);
          const view =
            original instanceof Float32Array
              ? new Float32Array(device.memory.buffer, address, original.length)
              : new Uint8Array(device.memory.buffer, address, original.length);
          view.set(original);
          return view;
        });
        use(views);
        for (const [i, view] of views.entries()) {
          const bytes = device.u8(blocks[i]!);
          const start = view.byteOffset - blocks[i]!.address;
          const guards = [...bytes.subarray(0, start), ...bytes.subarray(start + view.byteLength)];
          assert.ok(
            guards.every((byte) => byte === guardByte),
            `buffer ${i} was left`,
          );
        }
      } finally {
        for (const block of blocks) device.free(block);
      }
    },
  };
}

for (const build of ["release", "debug"] as const) {
  const device = new Device({ memory: 64 << 20, build });
  const subject = onDevice(device, simdKernels(device));
  const before = device.ledger.total;
  for (const [name, calls] of Object.entries(laws)) {
    test(`${name} of the ${build} build returns the reference's bits`, () => {
      agrees(subject, calls, { seed, numRuns: build === "release" ? 150 : 40 });
      assert.equal(device.ledger.total, before, "workspace was left allocated");
    });
  }
}

test("every kernel has its law", () => {
  const kernels = Object.keys(referenceKernels).filter((name) => name !== "name" && name !== "threads");
  assert.deepEqual(Object.keys(laws).sort(), kernels.sort());
});
