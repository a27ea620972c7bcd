/** The libraries that a page contains: d3 and Plot, each with its licence. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Script } from "./document.js";

/** Both packages' builds for script tags. Plot's build needs the global `d3` that the first one defines. */
export function libraries(): Script[] {
  const { resolve } = createRequire(import.meta.url);
  const scripts = [
    ["d3", "d3.min.js"],
    ["@observablehq/plot", "plot.umd.min.js"],
  ] as const;
  return scripts.map(([name, file]) => {
    // The packages' entry points lie in a folder beside `dist`.
    const folder = dirname(dirname(resolve(name)));
    const licence = readFileSync(join(folder, "LICENSE"), "utf8");
    return { licence, code: readFileSync(join(folder, "dist", file), "utf8") };
  });
}
