/**
 * The shortcut without parameters between stages of a residual network (He et al., 2016, option A): every stride-th row
 * and column, with channels of zeros around the old ones.
 *
 *   y[n, c + before, p, q] = x[n, c, stride·p, stride·q],   before = ⌊(K − C)/2⌋
 */

import type { Backward, Forward, Op } from "../engine/op.js";
import { apply } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import type { DownsampleShape } from "../kernels/kernels.js";

const downsampleOp: Op<DownsampleShape> = {
  name: "downsample",
  saves: {},
  forward: (run, [x], shape) => ({ y: downsampled(run, x!, shape) }),
  backward(run, dy, shape) {
    // The main path usually comes first in the backward pass. A tensor of its own would add mostly zeros to that gradient.
    const dx = run.pending(0) ?? zeros(run, [shape.N, shape.C, shape.H, shape.W]);
    run.engine.kernels.downsampleBackward(dx.data, dy.data, shape);
    dy.dispose();
    return [dx];
  },
  recomputable: {
    recompute(run, [x], shape) {
      const y = downsampled(run, x!, { ...shape, N: x!.shape[0]! });
      x!.dispose();
      return y;
    },
  },
};

function downsampled(
  { engine, empty }: Pick<Forward, "engine" | "empty">,
  x: Tensor,
  shape: DownsampleShape,
): Tensor {
  const y = empty([shape.N, shape.K, shape.P, shape.Q]);
  engine.kernels.downsample(y.data, x.data, shape);
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
  const [P, Q] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  return apply(downsampleOp, [x], { N, C, H, W, K: channels, P, Q, stride }, site);
}
