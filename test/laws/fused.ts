/** Tells whether this machine supports the fused profile. */
import assert from "node:assert/strict";
import { Device } from "../../src/device/device.js";
import { UsageError } from "../../src/error.js";

/** A fused device, or null if the machine reports that it cannot fuse. */
export function fusedDevice(): Device | null {
  try {
    return new Device({ memory: 64 << 20, build: "fused" });
  } catch (error) {
    assert.ok(error instanceof UsageError && /profile fused.*use the strict profile/.test(error.message));
    return null;
  }
}
