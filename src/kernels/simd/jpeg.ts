/** The WebAssembly kernels of JPEG-ACT. */
import { ShapeError } from "../../error.js";
import type { ChannelShape } from "../channel.js";
import { checkSizes, type Lengths, type View } from "../check.js";
import { blocksOf, type JpegKernels, mostBits, type PictureShape, symbols } from "../jpeg.js";
import type { Launcher } from "./launch.js";

export function jpegKernels(launcher: Launcher): JpegKernels {
  /** kernel(…outputs, …inputs, shape, begin, end) over the planes or, `perChannel`, the channels. */
  function scaling(kernel: string, outputs: Lengths, inputs: Lengths, s: ChannelShape, perChannel = false) {
    checkSizes(kernel, s);
    const args = [...launcher.check(kernel, outputs, inputs), launcher.shape([s.N, s.C, s.size])];
    const planes = s.N * s.C;
    launcher.launch(kernel, args, perChannel ? s.C : planes, { perUnit: perChannel ? s.N * s.size : s.size });
  }

  /** kernel(…outputs, …inputs, shape and table, flag, begin, end, workspace) over the rows of blocks. */
  function transform(
    kernel: string,
    outputs: Lengths,
    inputs: Lengths,
    s: PictureShape,
    table: readonly number[],
    flag: boolean,
  ) {
    checkSizes(kernel, s);
    const { down, across, top, left } = blocksOf(s);
    const shape = launcher.shape([s.C, s.H, s.W, across, top, left, ...table]);
    const args = [...launcher.check(kernel, outputs, inputs), shape, Number(flag)];
    launcher.launch(kernel, args, down, { perUnit: 256 * across, workspace: 576 });
  }

  const elements = ({ N, C, size }: ChannelShape) => N * C * size;
  const pictureElements = ({ N, C, H, W }: PictureShape) => N * C * H * W;

  /** Runs a coding of one thread, kernel(out, outBytes, in, inBytes, …, 0, 1). */
  function code(kernel: string, out: View, from: Uint8Array, table?: [Float32Array, number]): number {
    const outputs: Lengths = { output: [out, out.length] };
    const inputs: Lengths = { input: [from, from.length], ...(table && { table }) };
    const [to, at, tableAt] = launcher.check(kernel, outputs, inputs);
    const args = [to!, out.length, at!, from.length, ...(table ? [tableAt!] : [])];
    return launcher.launch(kernel, args, 1, { perUnit: 1, workspace: 64 })[0]!;
  }

  function checkBlocks(where: string, k: Uint8Array): void {
    if (k.length % 64 === 0) return;
    throw new ShapeError({
      where: `${where}: k`,
      expected: "whole blocks of 64 bytes",
      got: `${k.length} bytes`,
      remedy: "code what dctForward has written",
    });
  }

  const zvcBytes = (q: Uint8Array): number => {
    const [at] = launcher.check("zvcBytes", {}, { q: [q, q.length] });
    const counts = launcher.launch("nonZeroBytes", [at!], q.length, { perUnit: 1, grain: 16 });
    return counts.reduce((sum, count) => sum + count, 8 * Math.ceil(q.length / 64));
  };

  return {
    channelExtremes(least, greatest, x, s) {
      const outputs: Lengths = { least: [least, s.C], greatest: [greatest, s.C] };
      scaling("channelExtremes", outputs, { x: [x, elements(s)] }, s, true);
    },
    quantizeChannels(q, x, scales, s) {
      const n = elements(s);
      scaling("quantizeChannels", { q: [q, n] }, { x: [x, n], scales: [scales, s.C] }, s);
    },
    dequantizeChannels(x, q, scales, s) {
      const n = elements(s);
      scaling("dequantizeChannels", { x: [x, n] }, { q: [q, n], scales: [scales, s.C] }, s);
    },
    dctForward(k, x, scales, table, s) {
      const outputs: Lengths = { k: [k, blocksOf(s).values] };
      const inputs: Lengths = { x: [x, pictureElements(s)], scales: [scales, s.C] };
      transform("dctForward", outputs, inputs, s, table, false);
    },
    dctInverse(x, k, scales, table, s, rectify) {
      const outputs: Lengths = { x: [x, pictureElements(s)] };
      const inputs: Lengths = { k: [k, blocksOf(s).values], scales: [scales, s.C] };
      transform("dctInverse", outputs, inputs, s, table, rectify);
    },
    zvcBytes,
    zvcPack(packed, q) {
      const bytes = zvcBytes(q);
      if (packed.length !== bytes) {
        throw new ShapeError({
          where: "zvcPack: packed",
          expected: `${bytes} bytes`,
          got: String(packed.length),
          remedy: "ask zvcBytes",
        });
      }
      code("zvcPack", packed, q);
    },
    zvcUnpack: (q, packed) => void code("zvcUnpack", q, packed),
    runLengthCounts(counts, k) {
      checkBlocks("runLengthCounts", k);
      launcher.check("runLengthCounts", { counts: [counts, symbols] }, {});
      code("runLengthCounts", counts, k);
    },
    runLengthPack(packed, k, codes) {
      checkBlocks("runLengthPack", k);
      code("runLengthPack", packed, k, [codes, symbols]);
    },
    runLengthUnpack(k, packed, lookup) {
      checkBlocks("runLengthUnpack", k);
      code("runLengthUnpack", k, packed, [lookup, 2 ** mostBits]);
    },
  };
}
