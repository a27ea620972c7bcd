/** What measuring commands printed, kept by the key of command, data and code: results/measurements/KEY.json. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, machineOfThis } from "../../experiments/result.js";
import { writeAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { parseJson } from "../../files/shape.js";
import type { PlannedMeasurement } from "./plan.js";

interface Kept {
  command: string[];
  machine: Machine;
  written: string;
  found: unknown;
}

const fileOf = (out: string, key: string): string => join(out, "measurements", `${key}.json`);

/** Undefined if it has not been measured. */
export function keptMeasurement(out: string, { key }: PlannedMeasurement): unknown {
  const file = fileOf(out, key);
  if (!existsSync(file)) return undefined;
  return (parseJson(readFileSync(file, "utf8"), file, "remove the file") as Kept).found;
}

export function keepMeasurement(out: string, { key, command }: PlannedMeasurement, output: string): void {
  makeFolder(join(out, "measurements"));
  const found = parseJson(output, `comet ${command.join(" ")}`, "run it alone and read its errors");
  const kept: Kept = { command, machine: machineOfThis(), written: new Date().toISOString(), found };
  writeAtomically(fileOf(out, key), `${JSON.stringify(kept)}\n`);
}
