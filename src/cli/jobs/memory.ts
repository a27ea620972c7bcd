/** What a planned run takes of a machine's memory. */
import { parseBytes } from "../../device/ledger.js";
import type { PlannedRun } from "../../experiments/planned-run.js";

/** What Node takes beside the device, in bytes. */
const processBytes = 150 * 2 ** 20;

/** At most so many bytes: a device grows to its budget only if it must. */
export const memoryOf = ({ settings }: PlannedRun): number =>
  (parseBytes(settings.memory) ?? 0) + processBytes;
