/** The WebAssembly kernels that spread means of blocks over planes. */
import type { BlockMeanKernels } from "../block-means.js";
import { checkSizes } from "../check.js";
import type { Launcher } from "./launch.js";

export function blockMeanKernels(launcher: Launcher): BlockMeanKernels {
  const spread = (kernel: keyof BlockMeanKernels): BlockMeanKernels["addMeans"] => {
    return (y, x, means, { planes, H, W, P, Q }) => {
      checkSizes(kernel, { planes, H, W, P, Q });
      const n = planes * H * W;
      const views = launcher.check(kernel, { y: [y, n] }, { x: [x, n] }, true);
      const [, meansAt] = launcher.check(kernel, { y: [y, n] }, { means: [means, 2 * planes * P * Q] });
      const args = [...views, meansAt!, launcher.shape([H, W, P, Q])];
      launcher.launch(kernel, args, planes, { perUnit: H * W, workspace: 4 * W + 16 });
    };
  };
  return { subtractMeans: spread("subtractMeans"), addMeans: spread("addMeans") };
}
