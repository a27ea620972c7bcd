/** The WebAssembly kernels that work per channel or per plane. */
import { checkAvgPool, checkDownsample, checkMaxPool, checkSizes } from "../check.js";
import type { ChannelShape, DownsampleShape, Kernels, PoolShape } from "../kernels.js";
import { addressOf, type Launcher } from "./launch.js";

type Planes = Pick<
  Kernels,
  | "addBias"
  | "biasGradient"
  | "channelMoments"
  | "batchNormForward"
  | "batchNormBackward"
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

const inputs = ({ N, C, H, W }: DownsampleShape): number => N * C * H * W;
const outputs = ({ N, K, P, Q }: DownsampleShape): number => N * K * P * Q;
const elements = ({ N, C, size }: ChannelShape): number => N * C * size;

export function planeKernels(launcher: Launcher): Planes {
  const check = launcher.check.bind(launcher);

  function perChannel(kernel: string, views: Float32Array[], s: ChannelShape): void {
    const shape = launcher.shape([s.N, s.C, s.size]);
    launcher.launch(kernel, [...views.map(addressOf), shape], s.C, { perUnit: s.N * s.size });
  }

  function perPlane(kernel: string, views: (Float32Array | Uint8Array)[], s: PoolShape): void {
    const shape = launcher.shape([s.planes, s.H, s.W, s.R, s.S, s.P, s.Q, s.stride, s.padding]);
    launcher.launch(kernel, [...views.map(addressOf), shape], s.planes, { perUnit: s.P * s.Q * s.R * s.S });
  }

  const writeShape = (s: DownsampleShape): number =>
    launcher.shape([s.N, s.C, s.H, s.W, s.K, s.P, s.Q, s.stride]);

  return {
    addBias(y, bias, s) {
      checkSizes("addBias", s);
      check("addBias", { y: [y, elements(s)] }, { bias: [bias, s.C] });
      perChannel("addBias", [y, bias], s);
    },
    biasGradient(db, dy, s) {
      checkSizes("biasGradient", s);
      check("biasGradient", { db: [db, s.C] }, { dy: [dy, elements(s)] });
      perChannel("biasGradient", [db, dy], s);
    },
    channelMoments(mean, variance, x, s) {
      checkSizes("channelMoments", s);
      check("channelMoments", { mean: [mean, s.C], variance: [variance, s.C] }, { x: [x, elements(s)] });
      const planes = s.N * s.C;
      // The split version needs four launches in place of one. It pays only if there are many planes.
      if (launcher.parts(planes, { perUnit: s.size }) <= 2 * launcher.threads) {
        perChannel("channelMoments", [mean, variance, x], s);
        return;
      }
      const shape = launcher.shape([s.N, s.C, s.size]);
      launcher.borrow(8 * planes, "channelMoments", (sums) => {
        for (const [means, from] of [
          [mean, 0],
          [variance, addressOf(mean)],
        ] as const) {
          launcher.launch("planeSums", [sums, addressOf(x), from, shape], planes, { perUnit: s.size });
          launcher.launch("channelMeans", [addressOf(means), sums, shape], s.C, { perUnit: s.N });
        }
      });
    },
    batchNormForward(y, x, mean, invStd, gamma, beta, s) {
      checkSizes("batchNormForward", s);
      check(
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
      const args = [...[y, x, mean, invStd, gamma, beta].map(addressOf), launcher.shape([s.N, s.C, s.size])];
      launcher.launch("batchNormForward", args, s.N * s.C, { perUnit: s.size });
    },
    batchNormBackward(dx, dgamma, dbeta, dy, x, mean, invStd, gamma, s) {
      checkSizes("batchNormBackward", s);
      check(
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
      const args = [...[dx, dgamma, dbeta, dy, x, mean, invStd, gamma].map(addressOf), shape];
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
    inverseStd(out, variance, eps) {
      check("inverseStd", { out: [out, out.length] }, { variance: [variance, out.length] }, true);
      launcher.launch("inverseStd", [addressOf(out), addressOf(variance), eps], out.length, { perUnit: 8 });
    },
    blend(running, value, rate) {
      check("blend", { running: [running, running.length] }, { value: [value, running.length] }, true);
      launcher.launch("blend", [addressOf(running), addressOf(value), rate], running.length, { perUnit: 1 });
    },

    scalePlanes(y, x, factors, s) {
      checkSizes("scalePlanes", s);
      const n = s.planes * s.size;
      check("scalePlanes", { y: [y, n] }, { x: [x, n] }, true);
      check("scalePlanes", { y: [y, n] }, { factors: [factors, s.planes] });
      const args = [...[y, x, factors].map(addressOf), s.size];
      launcher.launch("scalePlanes", args, s.planes, { perUnit: s.size });
    },
    dotPlanes(dots, a, b, s) {
      checkSizes("dotPlanes", s);
      const n = s.planes * s.size;
      check("dotPlanes", { dots: [dots, s.planes] }, { a: [a, n], b: [b, n] });
      const args = [...[dots, a, b].map(addressOf), s.size];
      launcher.launch("dotPlanes", args, s.planes, { perUnit: s.size });
    },

    maxPool(y, index, x, s) {
      checkMaxPool("maxPool", s);
      const outputs = s.planes * s.P * s.Q;
      check("maxPool", { y: [y, outputs], index: [index, outputs] }, { x: [x, s.planes * s.H * s.W] });
      perPlane("maxPool", [y, index, x], s);
    },
    maxPoolBackward(dx, dy, index, s) {
      checkMaxPool("maxPoolBackward", s);
      const outputs = s.planes * s.P * s.Q;
      check(
        "maxPoolBackward",
        { dx: [dx, s.planes * s.H * s.W] },
        { dy: [dy, outputs], index: [index, outputs] },
      );
      perPlane("maxPoolBackward", [dx, dy, index], s);
    },
    avgPool(y, x, s) {
      checkAvgPool("avgPool", s);
      check("avgPool", { y: [y, s.planes * s.P * s.Q] }, { x: [x, s.planes * s.H * s.W] });
      perPlane("avgPool", [y, x], s);
    },
    avgPoolBackward(dx, dy, s) {
      checkAvgPool("avgPoolBackward", s);
      check("avgPoolBackward", { dx: [dx, s.planes * s.H * s.W] }, { dy: [dy, s.planes * s.P * s.Q] });
      perPlane("avgPoolBackward", [dx, dy], s);
    },

    downsample(y, x, s) {
      checkDownsample("downsample", s);
      check("downsample", { y: [y, outputs(s)] }, { x: [x, inputs(s)] });
      const args = [addressOf(y), addressOf(x), writeShape(s)];
      launcher.launch("downsample", args, s.N * s.K, { perUnit: s.P * s.Q });
    },
    downsampleBackward(dx, dy, s) {
      checkDownsample("downsampleBackward", s);
      check("downsampleBackward", { dx: [dx, inputs(s)] }, { dy: [dy, outputs(s)] });
      const args = [addressOf(dx), addressOf(dy), writeShape(s)];
      launcher.launch("downsampleBackward", args, s.N * s.C, { perUnit: s.P * s.Q });
    },
  };
}
