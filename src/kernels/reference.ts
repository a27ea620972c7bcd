/**
 * The kernels in plain TypeScript; they define what each kernel computes, operation by operation. `simd`
 * returns the same bits. Every float32 operation is followed by Math.fround, or by a store into a
 * Float32Array, which rounds as well.
 */
import type { Kernels } from "./kernels.js";
import * as activation from "./reference/activation.js";
import * as blockMeans from "./reference/block-means.js";
import * as channel from "./reference/channel.js";
import * as classification from "./reference/classification.js";
import * as conv2d from "./reference/conv2d.js";
import * as dct from "./reference/dct.js";
import * as elementwise from "./reference/elementwise.js";
import * as fixedPoint from "./reference/fixed-point.js";
import * as gemm from "./reference/gemm.js";
import * as groups from "./reference/groups.js";
import * as levels from "./reference/levels.js";
import * as mask from "./reference/mask.js";
import * as narrow from "./reference/narrow.js";
import * as plane from "./reference/plane.js";
import * as pool from "./reference/pool.js";
import * as reduction from "./reference/reduction.js";
import * as runlength from "./reference/runlength.js";
import * as scale from "./reference/scale.js";
import * as sgd from "./reference/sgd.js";
import * as shortcut from "./reference/shortcut.js";
import * as sparseRows from "./reference/sparse-rows.js";
import * as zvc from "./reference/zvc.js";

/** Each of these files exports kernels and nothing else. */
export const referenceKernels: Kernels = {
  name: "reference",
  threads: 1,
  ...gemm,
  ...conv2d,
  ...channel,
  ...elementwise,
  ...activation,
  ...plane,
  ...mask,
  ...groups,
  ...levels,
  ...pool,
  ...shortcut,
  ...classification,
  ...sgd,
  ...reduction,
  ...scale,
  ...dct,
  ...zvc,
  ...runlength,
  ...fixedPoint,
  ...narrow,
  ...sparseRows,
  ...blockMeans,
};
