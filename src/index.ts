/** The library's public names. The codec alone is `comet-ts/codec`; what a page can use is in portable.ts. */

export { openDataset } from "./data/open.js";
export * from "./portable.js";
export { listCheckpoints, readCheckpoint, restore, writeCheckpoint } from "./runs/checkpoint.js";
