/**
 * The parameter-free shortcut between stages of a residual network (He et al., 2016, option A): every stride-th row
 * and column, with zero channels around the old ones. It only copies, twice in a forward pass of a whole network, so
 * it is plain TypeScript.
 *
 *   y[n, c + before, p, q] = x[n, c, stride·p, stride·q],   before = ⌊(K − C)/2⌋
 */
import { apply, type Backward, type Forward, type Op } from "../op.js";
import type { Tensor } from "../tensor.js";

interface Downsample {
  stride: number;
  input: readonly [number, number, number, number];
  output: readonly [number, number, number, number];
}

/** Calls `visit` with where each row of y's old channels begins, and where in x the row that it comes from. */
function rows({ stride, input, output }: Downsample, visit: (x: number, y: number) => void): void {
  const [N, C, H, W] = input;
  const [, K, P, Q] = output;
  const before = Math.floor((K - C) / 2);
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      const [from, to] = [(n * C + c) * H * W, (n * K + c + before) * P * Q];
      for (let p = 0; p < P; p++) visit(from + stride * p * W, to + p * Q);
    }
  }
}

const downsampleOp: Op<Downsample> = {
  name: "downsample",
  saves: {},
  forward: (run, [x], attributes) => ({ y: downsampled(run, x!, attributes) }),
  backward(run, dy, attributes) {
    // The main path has usually back-propagated first: most of a tensor of its own would be zeros to add to that.
    const dx = run.pending(0) ?? zeros(run, attributes.input);
    const [from, to] = [dy.data, dx.data];
    const { stride, output } = attributes;
    rows(attributes, (i, j) => {
      for (let q = 0; q < output[3]; q++, i += stride, j++) to[i] = to[i]! + from[j]!;
    });
    dy.dispose();
    return [dx];
  },
  cheap: {
    recompute(again, [x], { stride, input, output }) {
      const n = x!.shape[0]!;
      const of = <S extends readonly number[]>([, ...image]: S) => [n, ...image] as unknown as S;
      const y = downsampled(again, x!, { stride, input: of(input), output: of(output) });
      x!.dispose();
      return y;
    },
  },
};

function downsampled({ engine, empty }: Forward, x: Tensor, attributes: Downsample): Tensor {
  const y = empty(attributes.output);
  const [from, to] = [x.data, y.data];
  engine.kernels.fill(to, 0);
  const { stride, output } = attributes;
  rows(attributes, (i, j) => {
    for (let q = 0; q < output[3]; q++, i += stride, j++) to[j] = from[i]!;
  });
  return y;
}

function zeros(run: Backward, shape: readonly number[]): Tensor {
  const dx = run.empty(shape);
  run.engine.kernels.fill(dx.data, 0);
  return dx;
}

/** x: N × C × H × W → N × channels × ⌈H/stride⌉ × ⌈W/stride⌉. */
export function downsample(x: Tensor, stride: number, channels: number, site?: string): Tensor {
  const [N, C, H, W] = x.shape as [number, number, number, number];
  const output = [N, channels, Math.ceil(H / stride), Math.ceil(W / stride)] as const;
  return apply(downsampleOp, [x], { stride, input: [N, C, H, W], output }, site);
}
