/** The library's public names. The codec alone is `comet-ts/codec`; what a page can use is in browser.ts. */

export * from "./browser.js";
export { openDataset } from "./data/open.js";
export { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "./runs/checkpoint.js";
