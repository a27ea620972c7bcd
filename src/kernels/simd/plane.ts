/** The WebAssembly kernels that work per channel or per plane. */
import { checkAvgPool, checkDownsample, checkMaxPool, checkSizes, type Lengths } from "../check.js";
import type { ChannelShape, DownsampleShape, Kernels, PoolShape } from "../kernels.js";
import { addressOf, type Launcher } from "./launch.js";

type Planes = Pick<
  Kernels,
  | "addBias"
  | "biasGradient"
  | "channelMoments"
  | "batchNormForward"
  | "batchNormBackward"
  | "batchNormSums"
  | "batchNormGradient"
  | "inverseStd"
  | "blend"
  | "scalePlanes"
  | "dotPlanes"
  | "maxPool"
  | "maxPoolBackward"
  | "avgPool"
  | "avgPoolBackward"
  | "downsample"
  | "downsampleBackward"
>;

const inputLength = ({ N, C, H, W }: DownsampleShape): number => N * C * H * W;
const outputLength = ({ N, K, P, Q }: DownsampleShape): number => N * K * P * Q;
const poolInput = ({ planes, H, W }: PoolShape): number => planes * H * W;
const poolOutput = ({ planes, P, Q }: PoolShape): number => planes * P * Q;
const elements = ({ N, C, size }: ChannelShape): number => N * C * size;

export function planeKernels(launcher: Launcher): Planes {
  const check = launcher.check.bind(launcher);

  /** kernel(…outputs, …inputs, shape, begin, end) over the channels. */
  function perChannel(kernel: string, outputs: Lengths, inputs: Lengths, s: ChannelShape): void {
    checkSizes(kernel, s);
    const args = [...check(kernel, outputs, inputs), launcher.shape([s.N, s.C, s.size])];
    launcher.launch(kernel, args, s.C, { perUnit: s.N * s.size });
  }

  /** kernel(…outputs, …inputs, shape, begin, end) over the planes of a pooling layer. */
  function perPlane(kernel: string, outputs: Lengths, inputs: Lengths, s: PoolShape): void {
    const shape = launcher.shape([s.planes, s.H, s.W, s.R, s.S, s.P, s.Q, s.stride, s.padding]);
    const args = [...check(kernel, outputs, inputs), shape];
    launcher.launch(kernel, args, s.planes, { perUnit: s.P * s.Q * s.R * s.S });
  }

  const writeShape = (s: DownsampleShape): number =>
    launcher.shape([s.N, s.C, s.H, s.W, s.K, s.P, s.Q, s.stride]);

  return {
    addBias: (y, bias, s) => perChannel("addBias", { y: [y, elements(s)] }, { bias: [bias, s.C] }, s),
    biasGradient: (db, dy, s) => perChannel("biasGradient", { db: [db, s.C] }, { dy: [dy, elements(s)] }, s),
    channelMoments(mean, variance, x, s) {
      const outputs: Lengths = { mean: [mean, s.C], variance: [variance, s.C] };
      const inputs: Lengths = { x: [x, elements(s)] };
      const planes = s.N * s.C;
      // The split version needs four launches in place of one. It pays only if there are many planes.
      if (launcher.parts(planes, { perUnit: s.size }) <= 2 * launcher.threads) {
        perChannel("channelMoments", outputs, inputs, s);
        return;
      }
      checkSizes("channelMoments", s);
      const [meanAt, varianceAt, xAt] = check("channelMoments", outputs, inputs) as [number, number, number];
      const shape = launcher.shape([s.N, s.C, s.size]);
      launcher.borrow(8 * planes, "channelMoments", (sums) => {
        for (const [means, from] of [
          [meanAt, 0],
          [varianceAt, meanAt],
        ] as const) {
          launcher.launch("planeSums", [sums, xAt, from, shape], planes, { perUnit: s.size });
          launcher.launch("channelMeans", [means, sums, shape], s.C, { perUnit: s.N });
        }
      });
    },
    batchNormForward(y, x, mean, invStd, gamma, beta, s) {
      checkSizes("batchNormForward", s);
      const views = check(
        "batchNormForward",
        { y: [y, elements(s)] },
        {
          x: [x, elements(s)],
          mean: [mean, s.C],
          invStd: [invStd, s.C],
          gamma: [gamma, s.C],
          beta: [beta, s.C],
        },
        true,
      );
      const args = [...views, launcher.shape([s.N, s.C, s.size])];
      launcher.launch("batchNormForward", args, s.N * s.C, { perUnit: s.size });
    },
    batchNormBackward(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s) {
      checkSizes("batchNormBackward", s);
      const views = check(
        "batchNormBackward",
        { dx: [dx, elements(s)], dgamma: [dgamma, s.C], dbeta: [dbeta, s.C] },
        {
          dy: [dy, elements(s)],
          x: [x, elements(s)],
          mean: [mean, s.C],
          invStd: [invStd, s.C],
          gamma: [gamma, s.C],
        },
        true,
      );
      const planes = s.N * s.C;
      const shape = launcher.shape([s.N, s.C, s.size]);
      const args = [...views, shape];
      if (launcher.parts(planes, { perUnit: s.size }) === 1) {
        launcher.launch("batchNormBackward", args, s.C, { perUnit: s.N * s.size, workspace: 64 });
        return;
      }
      launcher.borrow(16 * planes, "batchNormBackward", (sums) => {
        const read = [dy, x, mean, invStd].map(addressOf);
        launcher.launch("batchNormPlaneSums", [sums, ...read, shape], planes, { perUnit: s.size });
        const totals = [addressOf(dgamma), addressOf(dbeta), sums, shape];
        launcher.launch("batchNormTotals", totals, s.C, { perUnit: s.N });
        launcher.launch("batchNormPlaneGradients", args, planes, { perUnit: s.size });
      });
    },
    batchNormSums(dy, x, mean, invStd, s) {
      checkSizes("batchNormSums", s);
      const n = elements(s);
      const views = check(
        "batchNormSums",
        {},
        { dy: [dy, n], x: [x, n], mean: [mean, s.C], invStd: [invStd, s.C] },
      );
      const planes = s.N * s.C;
      const shape = launcher.shape([s.N, s.C, s.size]);
      return launcher.borrow(16 * planes, "batchNormSums", (sums) => {
        launcher.launch("batchNormPlaneSums", [sums, ...views, shape], planes, { perUnit: s.size });
        return launcher.f64(sums, 2 * planes).slice();
      });
    },
    batchNormGradient(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s, images) {
      checkSizes("batchNormGradient", { ...s, images });
      const n = elements(s);
      const perChannel: Lengths = {
        dgamma: [dgamma, s.C],
        dbeta: [dbeta, s.C],
        mean: [mean, s.C],
        invStd: [invStd, s.C],
        gamma: [gamma, s.C],
      };
      check("batchNormGradient", { dx: [dx, n] }, { dy: [dy, n], x: [x, n] }, true);
      check("batchNormGradient", { dx: [dx, n] }, perChannel);
      const views = [dx, dgamma, dbeta, dy, x, mean, invStd, gamma].map(addressOf);
      const args = [...views, launcher.shape([images, s.C, s.size])];
      launcher.launch("batchNormPlaneGradients", args, s.N * s.C, { perUnit: s.size });
    },
    inverseStd(out, variance, eps) {
      const n = out.length;
      const views = check("inverseStd", { out: [out, n] }, { variance: [variance, n] }, true);
      launcher.launch("inverseStd", [...views, eps], n, { perUnit: 8 });
    },
    blend(running, value, rate) {
      const n = running.length;
      const views = check("blend", { running: [running, n] }, { value: [value, n] }, true);
      launcher.launch("blend", [...views, rate], n, { perUnit: 1 });
    },

    scalePlanes(y, x, factors, s) {
      checkSizes("scalePlanes", s);
      const n = s.planes * s.size;
      const views = check("scalePlanes", { y: [y, n] }, { x: [x, n] }, true);
      const [, factorsAt] = check("scalePlanes", { y: [y, n] }, { factors: [factors, s.planes] });
      launcher.launch("scalePlanes", [...views, factorsAt!, s.size], s.planes, { perUnit: s.size });
    },
    dotPlanes(dots, a, b, s) {
      checkSizes("dotPlanes", s);
      const n = s.planes * s.size;
      const views = check("dotPlanes", { dots: [dots, s.planes] }, { a: [a, n], b: [b, n] });
      launcher.launch("dotPlanes", [...views, s.size], s.planes, { perUnit: s.size });
    },

    maxPool(y, index, x, s) {
      checkMaxPool("maxPool", s);
      const n = poolOutput(s);
      perPlane("maxPool", { y: [y, n], index: [index, n] }, { x: [x, poolInput(s)] }, s);
    },
    maxPoolBackward(dx, dy, index, s) {
      checkMaxPool("maxPoolBackward", s);
      const n = poolOutput(s);
      perPlane("maxPoolBackward", { dx: [dx, poolInput(s)] }, { dy: [dy, n], index: [index, n] }, s);
    },
    avgPool(y, x, s) {
      checkAvgPool("avgPool", s);
      perPlane("avgPool", { y: [y, poolOutput(s)] }, { x: [x, poolInput(s)] }, s);
    },
    avgPoolBackward(dx, dy, s) {
      checkAvgPool("avgPoolBackward", s);
      perPlane("avgPoolBackward", { dx: [dx, poolInput(s)] }, { dy: [dy, poolOutput(s)] }, s);
    },

    downsample(y, x, s) {
      checkDownsample("downsample", s);
      const views = check("downsample", { y: [y, outputLength(s)] }, { x: [x, inputLength(s)] });
      launcher.launch("downsample", [...views, writeShape(s)], s.N * s.K, { perUnit: s.P * s.Q });
    },
    downsampleBackward(dx, dy, s) {
      checkDownsample("downsampleBackward", s);
      const views = check("downsampleBackward", { dx: [dx, inputLength(s)] }, { dy: [dy, outputLength(s)] });
      launcher.launch("downsampleBackward", [...views, writeShape(s)], s.N * s.C, { perUnit: s.P * s.Q });
    },
  };
}
