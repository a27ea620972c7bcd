/** All that a network is built from: modules, layers, and how these get their first weights. */
export * from "./init.js";
export * from "./layers.js";
export { Module, name } from "./module.js";
