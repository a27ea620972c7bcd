/**
 * The codec on the device. The frames of one tensor are made and read side by side, each with scratch memory of its own,
 * which is allocated for that time only. Bytes and values do not depend on the number of frames at a time. A frame on the
 * device is as safe as the weights there, so it has no checksum.
 */

import { TablesReader } from "../codec/dense/tables.js";
import { frameCapacity } from "../codec/limits.js";
import { type Coroutine, sideBySide } from "../codec/wasm/coroutine.js";
import { WasmCodec } from "../codec/wasm.js";
import type { Block } from "../device/device.js";
import type { Machine } from "../engine/tensor.js";
import type { DeviceCodec } from "./coding.js";

/** On real activations dense mode saves about half of fast mode's bytes at the most, so the search for so much is left out. */
const hopelessSaving = 3 / 4;

export function deviceCodec({ device, team }: Machine): DeviceCodec {
  const { scratchBytes } = WasmCodec;
  const tables = new TablesReader();
  const most = (parts: number) => Math.min(team?.size ?? 1, parts);
  /** Lends `wanted` codecs, or one if memory is short. */
  const lend = <T>(wanted: number, use: (codecs: readonly WasmCodec[]) => T): T => {
    // One codec gives the same frames, only slower.
    const count = device.fits(wanted * scratchBytes) ? wanted : 1;
    const scratch = device.allocate(count * scratchBytes, "workspace", "codec", "high");
    const addresses = Array.from({ length: count }, (_, i) => scratch.address + i * scratchBytes);
    try {
      return use(addresses.map((address) => new WasmCodec(device.exports, device.memory, address, tables)));
    } finally {
      device.free(scratch);
    }
  };
  /** Runs coroutine i with codec i. */
  const run = <T>(codecs: readonly WasmCodec[], works: Coroutine<T>[]): T[] =>
    team && works.length > 1
      ? sideBySide(works, (kernel, calls) => team.run(kernel, calls))
      : works.map((work, i) => codecs[i]!.run(work));
  return {
    workspaceBytes: (team?.size ?? 1) * scratchBytes,
    choose: ({ x, length, shape, options }, saving) =>
      options.mode === "auto" && saving >= hopelessSaving
        ? null
        : lend(1, ([codec]) => codec!.chooseAt(x, length, shape, options, saving)),
    encode: (parts, category, site) =>
      lend(most(parts.length), (codecs) => {
        const blocks: Block[] = [];
        try {
          while (blocks.length < parts.length) {
            const rest = parts.slice(blocks.length, blocks.length + codecs.length);
            const wanted = frameCapacity(rest[0]!.length);
            const made = device.fill(category, site, { wanted, most: rest.length }, (rooms) => {
              const works = rooms.map(({ address, bytes }, i) => {
                const { x, length, shape, options } = rest[i]!;
                return codecs[i]!.encoding(x, length, shape, options, address, bytes, { sealed: false });
              });
              return run(codecs, works);
            });
            blocks.push(...made);
          }
          return blocks;
        } catch (error) {
          for (const block of blocks) device.free(block);
          throw error;
        }
      }),
    decode: (parts) =>
      lend(most(parts.length), (codecs) => {
        for (let first = 0; first < parts.length; first += codecs.length) {
          const works = parts
            .slice(first, first + codecs.length)
            .map(({ frame, out, rectified, positive }, i) =>
              codecs[i]!.decoding(frame.start, frame.bytes, out, { rectified, positive, sealed: false }),
            );
          run(codecs, works);
        }
      }),
  };
}
