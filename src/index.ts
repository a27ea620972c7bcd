/** The library's public names in Node; portable.ts has the same for a page. The codec alone is `comet-ts/codec`. */

export { openDataset } from "./data/open.js";
export * from "./portable.js";
export { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "./runs/checkpoint.js";
