/** The WebAssembly kernels of fixed-point numbers. */
import { UsageError } from "../../error.js";
import type { ChannelShape } from "../channel.js";
import { checkSizes, type Lengths } from "../check.js";
import type { FixedForm, FixedPointKernels } from "../fixed-point.js";
import type { Launcher } from "./launch.js";

export function fixedPointKernels(launcher: Launcher): FixedPointKernels {
  const elements = ({ N, C, size }: ChannelShape): number => N * C * size;

  function check(where: string, bits: Uint8Array, shape: ChannelShape): void {
    checkSizes(where, shape);
    const wrong = bits.find((each) => each < 2 || each > 16);
    if (wrong === undefined) return;
    throw new UsageError({
      where: `${where}: bits`,
      expected: "whole numbers from 2 to 16",
      got: String(wrong),
      remedy: "choose other bits",
    });
  }

  /** kernel(…outputs, …inputs, shape and form, begin, end). */
  function run(
    kernel: string,
    outputs: Lengths,
    inputs: Lengths,
    { N, C, size }: ChannelShape,
    { signed, sparse }: FixedForm,
    byPlane: boolean,
  ): void {
    const views = launcher.check(kernel, outputs, inputs);
    const args = [...views, launcher.shape([N, C, size, signed, sparse])];
    launcher.launch(kernel, args, byPlane ? N * C : N, { perUnit: 4 * size * (byPlane ? 1 : C) });
  }

  return {
    fixedCounts(counts, x, scales, bits, shape, signed) {
      check("fixedCounts", bits, shape);
      const { N, C } = shape;
      const inputs: Lengths = { x: [x, elements(shape)], scales: [scales, C], bits: [bits, C] };
      run("fixedCounts", { counts: [counts, 4 * N * C] }, inputs, shape, { signed, sparse: true }, true);
    },
    packFixed(packed, x, scales, bits, starts, shape, form) {
      check("packFixed", bits, shape);
      const { N, C } = shape;
      const inputs: Lengths = {
        x: [x, elements(shape)],
        scales: [scales, C],
        bits: [bits, C],
        starts: [starts, 4 * (N + 1)],
      };
      run("packFixed", { packed: [packed, packed.length] }, inputs, shape, form, false);
    },
    unpackFixed(x, packed, scales, bits, starts, shape, form) {
      check("unpackFixed", bits, shape);
      const { N, C } = shape;
      const inputs: Lengths = {
        packed: [packed, packed.length],
        scales: [scales, C],
        bits: [bits, C],
        starts: [starts, 4 * (N + 1)],
      };
      run("unpackFixed", { x: [x, elements(shape)] }, inputs, shape, form, false);
    },
  };
}
