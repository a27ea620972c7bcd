/** Whether this machine has the fused profile. */
import assert from "node:assert/strict";
import { Device } from "../../src/device/device.js";
import { UsageError } from "../../src/error.js";

/** A fused device, or null on a machine that says it has none. */
export function fusedDevice(): Device | null {
  try {
    return new Device({ memory: 64 << 20, build: "fused" });
  } catch (error) {
    assert.ok(error instanceof UsageError && /profile fused.*use the strict profile/.test(error.message));
    return null;
  }
}
