/**
 * Matrix products and convolutions in WebAssembly: checks, packing of the weights, and the split of the work.
 */
import { callsPerThread } from "../../device/workers.js";
import { checkConv2d, checkSizes } from "../check.js";
import type { Conv2dShape, Kernels } from "../kernels.js";
import { addressOf, type Launcher, wholeLines } from "./launch.js";

type Products = Pick<
  Kernels,
  "gemm" | "conv2dForward" | "conv2dInputGradient" | "conv2dWeightGradient" | "conv2dNoiseEnergy"
>;

/** Lanes of a tile: the output channels, input channels or columns that are computed side by side. */
const lanes = 8;
const tileRows = 4;
/** Workspace for packing: one window of a panel, and half a panel during its transform to 36 points. */
const packBytes = 576;

const inputLength = (s: Conv2dShape): number => s.N * s.C * s.H * s.W;
const outputLength = (s: Conv2dShape): number => s.N * s.K * s.P * s.Q;
const weightLength = (s: Conv2dShape): number => (s.K * s.C * s.R * s.S) / s.groups;
/**
 * Threads share a weight gradient by images if the per-image sums take no more memory than this; otherwise by
 * weights.
 */
const mostImageBytes = 2 << 20;
/**
 * A matrix product makes about this many multiply-adds in the time that another kernel takes per element of
 * memory.
 */
const productsPerElement = 8;
/** The work of a convolution, in elements. */
const work = (s: Conv2dShape): number => (outputLength(s) * s.C * s.R * s.S) / s.groups / productsPerElement;

export function matrixProducts(launcher: Launcher): Products {
  const writeShape = (s: Conv2dShape): number =>
    launcher.shape([s.N, s.C, s.H, s.W, s.K, s.R, s.S, s.P, s.Q, s.stride, s.padding, s.groups]);

  /**
   * Packs w into `panels` panels of 8 channels, then runs kernel(…before, packed, …after, units, workspace).
   */
  function withPacked(
    kernel: "conv2dForward" | "conv2dInputGradient",
    w: Float32Array,
    s: Conv2dShape,
    panels: number,
    before: number[],
    after: number[],
  ): void {
    const shape = writeShape(s);
    const workspace = wholeLines(launcher.ask(`${kernel}Workspace`));
    const units = launcher.ask(`${kernel}Units`);
    const bytes = launcher.ask(`${kernel}Packed`);
    const pack = kernel.replace("conv2d", "conv2dPack");
    launcher.borrow(bytes, pack, (packed) => {
      launcher.launch(pack, [packed, addressOf(w), shape], panels, {
        perUnit: bytes / 4 / panels,
        workspace: packBytes,
      });
      const args = [...before, packed, ...after, shape];
      launcher.launch(kernel, args, units, { perUnit: work(s) / units, workspace });
    });
  }

  /**
   * Splits a weight gradient over the threads by images, if it is a sum over images. One thread adds up the
   * first images directly; the gradients of the other images are stored and added to that in their order.
   * Returns false if a split by weights is better.
   */
  function sharedByImages(
    dw: Float32Array,
    dy: Float32Array,
    x: Float32Array,
    s: Conv2dShape,
    accumulate: boolean,
    shape: number,
    workspace: number,
  ): boolean {
    const { threads } = launcher;
    if (launcher.parts(s.N, { perUnit: work(s) / s.N }) < threads || threads === 1) return false;
    const first = Math.ceil(s.N / threads);
    const rest = s.N - first;
    const bytes = rest * launcher.ask("conv2dWeightGradientImageBytes");
    if (bytes === 0 || bytes > mostImageBytes) return false;
    launcher.borrow(bytes, "conv2dWeightGradient images", (gradients) => {
      const args = [addressOf(dw), gradients, first, addressOf(dy), addressOf(x), shape, Number(accumulate)];
      const calls = [[...args, 0, first]];
      const count = Math.min(rest, (threads - 1) * callsPerThread);
      for (let i = 0; i < count; i++) {
        const [begin, end] = [i, i + 1].map((k) => first + Math.floor((rest * k) / count));
        calls.push([...args, begin!, end!]);
      }
      launcher.run("conv2dWeightGradientImages", calls, workspace);
      const sum = [addressOf(dw), gradients, rest, dw.length];
      launcher.launch("conv2dWeightGradientSum", sum, dw.length, { perUnit: rest, grain: lanes });
    });
    return true;
  }

  return {
    gemm(c, a, b, shape) {
      const { m, n, k, transposeA, transposeB } = shape;
      checkSizes("gemm", { m, n, k });
      launcher.check("gemm", { c: [c, m * n] }, { a: [a, m * k], b: [b, k * n] });
      if (k === 0) {
        c.fill(0);
        return;
      }
      const at = launcher.shape([m, n, k, transposeA, transposeB]);
      const args = [addressOf(c), addressOf(a), addressOf(b), at];
      // Split by columns if there are enough of them: each call then packs only its own columns of b.
      const byColumns = n >= m || n >= 16 * lanes;
      const ranges = byColumns
        ? launcher.split(n, { perUnit: (m * k) / productsPerElement, grain: lanes, costly: m > tileRows })
        : launcher.split(m, { perUnit: (n * k) / productsPerElement, grain: tileRows, costly: true });
      const calls = ranges.map(([begin, end]) =>
        byColumns ? [...args, 0, m, begin, end] : [...args, begin, end, 0, n],
      );
      launcher.run("gemm", calls, wholeLines(launcher.ask("gemmWorkspace")));
    },

    conv2dForward(y, x, w, bias, s) {
      checkConv2d("conv2dForward", s);
      launcher.check(
        "conv2dForward",
        { y: [y, outputLength(s)] },
        { x: [x, inputLength(s)], w: [w, weightLength(s)], bias: [bias, s.K] },
      );
      if (s.N === 0) return;
      const panels = s.groups * Math.ceil(s.K / s.groups / lanes);
      withPacked("conv2dForward", w, s, panels, [y, x].map(addressOf), [addressOf(bias)]);
    },

    conv2dInputGradient(dx, dy, w, s) {
      checkConv2d("conv2dInputGradient", s);
      launcher.check(
        "conv2dInputGradient",
        { dx: [dx, inputLength(s)] },
        { dy: [dy, outputLength(s)], w: [w, weightLength(s)] },
      );
      if (s.N === 0) return;
      const panels = s.groups * Math.ceil(s.C / s.groups / lanes);
      withPacked("conv2dInputGradient", w, s, panels, [dx, dy].map(addressOf), []);
    },

    conv2dWeightGradient(dw, dy, x, s, accumulate = false) {
      checkConv2d("conv2dWeightGradient", s);
      launcher.check(
        "conv2dWeightGradient",
        { dw: [dw, weightLength(s)] },
        { dy: [dy, outputLength(s)], x: [x, inputLength(s)] },
      );
      if (s.N === 0) {
        if (!accumulate) dw.fill(0);
        return;
      }
      const shape = writeShape(s);
      const workspace = wholeLines(launcher.ask("conv2dWeightGradientWorkspace"));
      if (sharedByImages(dw, dy, x, s, accumulate, shape, workspace)) return;
      const units = launcher.ask("conv2dWeightGradientUnits");
      const args = [addressOf(dw), addressOf(dy), addressOf(x), shape, accumulate ? 1 : 0];
      // Every call lays out all of x.
      const how = { perUnit: work(s) / units, workspace, costly: true };
      launcher.launch("conv2dWeightGradient", args, units, how);
    },

    conv2dNoiseEnergy(energy, dy, x, s) {
      checkConv2d("conv2dNoiseEnergy", s);
      launcher.check(
        "conv2dNoiseEnergy",
        { energy: [energy, s.K] },
        { dy: [dy, outputLength(s)], x: [x, inputLength(s)] },
      );
      const shape = writeShape(s);
      const workspace = wholeLines(launcher.ask("conv2dNoiseEnergyWorkspace"));
      const args = [addressOf(energy), addressOf(dy), addressOf(x), shape];
      launcher.launch("conv2dNoiseEnergy", args, s.K, { perUnit: s.N * s.P * s.Q, workspace });
    },
  };
}
