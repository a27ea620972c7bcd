/** The WebAssembly kernels of sparse rows. */
import { rowLength, rowsOf, type SparseRowKernels } from "../sparse-rows.js";
import type { Launcher } from "./launch.js";

const perUnit = rowLength;

export function sparseRowKernels(launcher: Launcher): SparseRowKernels {
  return {
    rowStarts(starts, x) {
      const rows = rowsOf(x.length);
      const views = launcher.check("rowStarts", { starts: [starts, 4 * (rows + 1)] }, { x: [x, x.length] });
      const view = new DataView(starts.buffer, starts.byteOffset, starts.length);
      view.setUint32(0, 0, true);
      // Row r has its count at r + 1, where the sum up to it belongs.
      launcher.launch("rowCounts", [...views, x.length], rows, { perUnit });
      let total = 0;
      for (let row = 1; row <= rows; row++) {
        total += view.getUint32(4 * row, true);
        view.setUint32(4 * row, total, true);
      }
      return total;
    },
    packRows(columns, values, x, starts) {
      const rows = rowsOf(x.length);
      const views = launcher.check(
        "packRows",
        { columns: [columns, columns.length], values: [values, columns.length] },
        { x: [x, x.length], starts: [starts, 4 * (rows + 1)] },
      );
      launcher.launch("packRows", [...views, x.length], rows, { perUnit });
    },
    unpackRows(x, columns, values, starts, skip) {
      const rows = rowsOf(x.length + skip);
      const views = launcher.check(
        "unpackRows",
        { x: [x, x.length] },
        {
          columns: [columns, columns.length],
          values: [values, columns.length],
          starts: [starts, 4 * (rows + 1)],
        },
      );
      launcher.launch("unpackRows", [...views, x.length, skip], rows, { perUnit });
    },
    maskRows(mask, columns, starts) {
      const rows = starts.length / 4 - 1;
      const views = launcher.check(
        "maskRows",
        { mask: [mask, mask.length] },
        { columns: [columns, columns.length], starts: [starts, 4 * (rows + 1)] },
      );
      launcher.launch("maskRows", [...views, mask.length], rows, { perUnit });
    },
  };
}
