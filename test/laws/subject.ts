/** Implementations of the kernels together with a way to give them buffers. */
import assert from "node:assert/strict";
import type { Device } from "../../src/device/device.js";
import type { Kernels } from "../../src/kernels/kernels.js";

export type View = Float32Array | Uint8Array;

/** `withBuffers` passes copies of the originals to `use`. */
export interface Subject {
  kernels: Kernels;
  withBuffers(originals: readonly View[], use: (buffers: View[]) => void): void;
}

/** Buffers on the JavaScript heap. */
export const onHeap = (kernels: Kernels): Subject => ({
  kernels,
  withBuffers: (originals, use) => use(originals.map((original) => original.slice())),
});

const guardBytes = 64;
const guardByte = 0xa5;

function guarded(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== guardByte) return false;
  return true;
}

/** Makes the device end every workspace with guard bytes, and checks them when the workspace is freed. */
function guardWorkspaces(device: Device): void {
  const allocate = device.allocate.bind(device);
  const free = device.free.bind(device);
  device.allocate = (bytes, category, site, place) => {
    if (category !== "workspace") return allocate(bytes, category, site, place);
    const block = allocate(bytes + guardBytes, category, site, place);
    device.u8(block).fill(guardByte, bytes);
    return block;
  };
  device.free = (block) => {
    const bytes = device.u8(block);
    const intact = block.category !== "workspace" || guarded(bytes, bytes.length - guardBytes, bytes.length);
    free(block);
    assert.ok(intact, `${block.site}: something was written behind the workspace`);
  };
}

/**
 * Buffers in the device between guard bytes that must survive, with floats at every 4-byte alignment and
 * bytes at any address; workspaces are guarded as well.
 */
export function onDevice(device: Device, kernels: Kernels): Subject {
  let placed = 0;
  guardWorkspaces(device);
  return {
    kernels,
    withBuffers(originals, use) {
      const blocks = originals.map((original) =>
        device.allocate(original.byteLength + 2 * guardBytes + 16, "activations", "test"),
      );
      try {
        const views = originals.map((original, i): View => {
          device.u8(blocks[i]!).fill(guardByte);
          const step = original instanceof Float32Array ? 4 : 5;
          const address = blocks[i]!.address + guardBytes + step * (placed++ % 4);
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
          const intact = guarded(bytes, 0, start) && guarded(bytes, start + view.byteLength, bytes.length);
          assert.ok(intact, `something was written beside buffer ${i}`);
        }
      } finally {
        for (const block of blocks) device.free(block);
      }
    },
  };
}
