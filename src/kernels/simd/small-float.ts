/** The WebAssembly kernels of small floating-point numbers. */
import { ShapeError } from "../../error.js";
import { type SmallFloatKernels, type SmallFloatName, smallFloatBytes, smallFloats } from "../small-float.js";
import type { Launcher } from "./launch.js";

/** Words of four vectors: calls begin at whole ones. */
const grain = 4;

export function smallFloatKernels(launcher: Launcher): SmallFloatKernels {
  const formOf = (name: SmallFloatName): number[] => {
    const { exponent, mantissa } = smallFloats[name];
    return [exponent, mantissa];
  };
  return {
    narrowFloats(packed, x, name) {
      const n = x.length;
      const bytes = smallFloatBytes(n, name);
      const views = launcher.check("narrowFloats", { packed: [packed, bytes] }, { x: [x, n] });
      const { perWord } = smallFloats[name];
      launcher.launch("narrowFloats", [...views, n, ...formOf(name)], bytes / 4, {
        perUnit: 2 * perWord,
        grain,
      });
    },
    widenFloats(x, packed, name, { first, count }) {
      if (first < 0 || first + x.length > count) {
        throw new ShapeError({
          where: "widenFloats: first",
          expected: `numbers within the ${count} that there are`,
          got: `${first} to ${first + x.length}`,
          remedy: "correct the range",
        });
      }
      const inputs = { packed: [packed, smallFloatBytes(count, name)] } as const;
      const views = launcher.check("widenFloats", { x: [x, x.length] }, { packed: [...inputs.packed] });
      launcher.launch("widenFloats", [...views, first, ...formOf(name)], x.length, { perUnit: 2, grain: 12 });
    },
  };
}
