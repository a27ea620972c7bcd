/** The fingerprint of a network: runs are compared by it. */
import { platform } from "#platform";
import type { Module } from "../nn/index.js";

/** SHA-256 over names and bytes of all weights and running statistics, in order. */
export function hashWeights(model: Module): string {
  const hash = platform.sha256();
  for (const [name, tensor] of model.state()) {
    const { data } = tensor;
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
  }
  return hash.digest();
}
