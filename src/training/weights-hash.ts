/** The fingerprint of a network: runs are compared by it. */
import { platform } from "#platform";
import type { Module } from "../nn/index.js";

/** The bytes that are copied out of the device at a time. */
const atOnce = 2 ** 20;

/** SHA-256 over names and bytes of all weights and running statistics, in order. */
export function hashWeights(model: Module): string {
  const hash = platform.sha256();
  for (const [name, tensor] of model.state()) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    hash.update(name);
    for (let first = 0; first < byteLength; first += atOnce) {
      hash.update(bytes.slice(first, first + atOnce));
    }
  }
  return hash.digest();
}
