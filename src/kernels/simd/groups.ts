/** The WebAssembly kernels that keep values in few bits, by groups. */
import { checkBits, checkGroups, checkSizes, type Lengths } from "../check.js";
import { type ChannelShape, type GroupShape, groupBytes, type Kernels } from "../kernels.js";
import { rangeBytes, rangeForms } from "../reference/group-range.js";
import type { Launcher } from "./launch.js";

type Groups = Pick<
  Kernels,
  "quantizeGroups" | "dequantizeGroups" | "groupSpans" | "quantizeLevels" | "dequantizeLevels"
>;

export function groupKernels(launcher: Launcher): Groups {
  /** The lengths of packed and ranges; with a check of what determines them. */
  function frameOf(
    where: string,
    packed: Uint8Array,
    ranges: Uint8Array,
    bits: Uint8Array,
    shape: GroupShape,
  ): Lengths {
    checkGroups(where, shape);
    const perRow = Math.ceil(shape.size / shape.group);
    let bytes = 0;
    for (const each of bits) {
      checkBits(where, each);
      bytes += perRow * groupBytes(shape.group, each);
    }
    return {
      packed: [packed, bytes],
      ranges: [ranges, rangeBytes(shape.range) * perRow * shape.rows],
    };
  }

  const written = ({ rows, size, group, range }: GroupShape): number =>
    launcher.shape([rows, size, group, rangeForms.indexOf(range)]);
  const units = ({ rows, size, group }: GroupShape): number => rows * Math.ceil(size / group);

  /** The bytes of the codes of all planes. */
  function planesOf(where: string, bits: Uint8Array, shape: ChannelShape): number {
    checkSizes(where, shape);
    let bytes = 0;
    for (const each of bits) {
      checkBits(where, each);
      bytes += groupBytes(shape.size, each);
    }
    return shape.N * bytes;
  }

  return {
    groupSpans(energy, x, shape) {
      checkGroups("groupSpans", shape);
      const { rows, size } = shape;
      const views = launcher.check("groupSpans", { energy: [energy, rows] }, { x: [x, rows * size] });
      launcher.launch("groupSpans", [...views, written(shape)], rows, { perUnit: size });
    },
    quantizeLevels(packed, x, levels, bits, shape, rounding) {
      const { N, C, size } = shape;
      const views = launcher.check(
        "quantizeLevels",
        { packed: [packed, planesOf("quantizeLevels", bits, shape)] },
        { x: [x, N * C * size], levels: [levels, 2 * C], bits: [bits, C] },
      );
      const args = [...views, launcher.shape([N, C, size]), Number(rounding === "floor")];
      launcher.launch("quantizeLevels", args, N * C, { perUnit: 2 * size });
    },
    dequantizeLevels(x, packed, levels, bits, shape, middle) {
      const { N, C, size } = shape;
      const views = launcher.check(
        "dequantizeLevels",
        { x: [x, N * C * size] },
        {
          packed: [packed, planesOf("dequantizeLevels", bits, shape)],
          levels: [levels, 2 * C],
          bits: [bits, C],
        },
      );
      const args = [...views, launcher.shape([N, C, size]), middle];
      launcher.launch("dequantizeLevels", args, N * C, { perUnit: 2 * size });
    },
    quantizeGroups(packed, ranges, x, bits, shape, seed) {
      const where = "quantizeGroups";
      const views = launcher.check(where, frameOf(where, packed, ranges, bits, shape), {
        x: [x, shape.rows * shape.size],
        bits: [bits, shape.rows],
      });
      const args = [...views, written(shape), seed ?? 0, Number(seed !== null)];
      launcher.launch(where, args, units(shape), { perUnit: 2 * shape.group });
    },
    dequantizeGroups(x, packed, ranges, bits, shape) {
      const where = "dequantizeGroups";
      const views = launcher.check(
        where,
        { x: [x, shape.rows * shape.size] },
        { ...frameOf(where, packed, ranges, bits, shape), bits: [bits, shape.rows] },
      );
      launcher.launch(where, [...views, written(shape)], units(shape), { perUnit: 2 * shape.group });
    },
  };
}
