/** The parts of Plot that a report's figures use. */
export { legend, raster, rectX } from "@observablehq/plot";
export * from "../plot.js";
