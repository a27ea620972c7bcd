/** The library's public names in Node; browser.ts has the same for a page. The codec alone is `comet-ts/codec`. */

export * from "./browser.js";
export { openDataset } from "./data/open.js";
export { loadWeights, saveWeights } from "./models/weights.js";
export { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "./runs/checkpoint.js";
