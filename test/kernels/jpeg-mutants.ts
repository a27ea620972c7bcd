/** Broken implementations of JPEG-ACT's kernels. */
import type { JpegKernels } from "../../src/kernels/jpeg.js";
import { referenceKernels as right } from "../../src/kernels/reference.js";

const { fround } = Math;

/** What is wrong, and the kernel that does it. */
export const jpegMutants: { [K in keyof JpegKernels]: [fault: string, JpegKernels[K]] } = {
  channelExtremes: [
    "takes the channels in the images' order",
    (least, greatest, x, s) => right.channelExtremes(least, greatest, x, { ...s, N: s.C, C: s.N }),
  ],
  quantizeChannels: [
    "clips to −127",
    (q, x, scales, s) => {
      right.quantizeChannels(q, x, scales, s);
      for (let i = 0; i < q.length; i++) if (q[i] === 128) q[i] = 129;
    },
  ],
  dequantizeChannels: [
    "multiplies by the reciprocal",
    (x, q, scales, s) => {
      right.dequantizeChannels(
        x,
        q,
        scales.map(() => 1),
        s,
      );
      for (let i = 0; i < x.length; i++) x[i] = x[i]! * fround(1 / scales[Math.floor(i / s.size) % s.C]!);
    },
  ],
  dctForward: [
    "takes the table turned",
    (k, x, scales, table, s) => {
      const turned = table.map((_, i) => table[8 * (i % 8) + Math.floor(i / 8)]!);
      right.dctForward(k, x, scales, turned, s);
    },
  ],
  dctInverse: [
    "never rectifies",
    (x, k, scales, table, s) => right.dctInverse(x, k, scales, table, s, false),
  ],
  zvcBytes: ["forgets the last mask", (q) => right.zvcBytes(q) - (q.length % 64 === 0 ? 0 : 8)],
  zvcPack: [
    "writes the mask's highest bit first",
    (packed, q) => {
      right.zvcPack(packed, q);
      if (packed.length > 8) packed.subarray(0, 8).reverse();
    },
  ],
  zvcUnpack: [
    "leaves the zeros as they were",
    (q, packed) => {
      const before = q.slice();
      right.zvcUnpack(q, packed);
      for (let i = 0; i < q.length; i++) if (q[i] === 0) q[i] = before[i]!;
    },
  ],
  runLengthCounts: [
    "never ends a block early",
    (counts, k) => {
      right.runLengthCounts(counts, k);
      counts[0] = 0;
    },
  ],
  runLengthPack: [
    "fills the last byte with ones",
    (packed, k, codes) => {
      right.runLengthPack(packed, k, codes);
      if (packed.length > 0) packed[packed.length - 1]! |= 1;
    },
  ],
  runLengthUnpack: [
    "reads no sign",
    (k, packed, lookup) => {
      right.runLengthUnpack(k, packed, lookup);
      for (let i = 0; i < k.length; i++) if (k[i]! > 127) k[i] = 256 - k[i]!;
    },
  ],
};
