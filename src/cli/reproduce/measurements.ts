/**
 * What measuring commands printed: results/measurements/KEY.json, by the key of command and data, with the machine and the
 * code that measured it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../error.js";
import { type Machine, machineOfThis } from "../../experiments/result.js";
import { writeAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { refusal } from "../../files/refusal.js";
import { isRecord, parseJson } from "../../files/shape.js";
import { type Code, measuringCode } from "../../runs/code.js";
import type { PlannedMeasurement } from "./plan.js";

export interface KeptMeasurement {
  command: string[];
  machine: Machine;
  /** The sum of the code that measured: see `measuringCode`. */
  code: string;
  commit: string | null;
  written: string;
  found: unknown;
}

const fileOf = (folder: string, key: string): string => join(folder, "measurements", `${key}.json`);

/** The measurement of this code, or of any, in one of the folders; undefined if there is none. */
export function keptMeasurement(
  folders: readonly string[],
  { key }: PlannedMeasurement,
  anyCode: boolean,
): KeptMeasurement | undefined {
  const kept = folders
    .map((folder) => fileOf(folder, key))
    .filter((file) => existsSync(file))
    .map(read);
  const own = kept.find(({ code }) => code === measuringCode().code);
  return own ?? (anyCode ? kept[0] : undefined);
}

function read(file: string): KeptMeasurement {
  const remedy = "remove the file";
  const value = parseJson(readFileSync(file, "utf8"), file, remedy);
  if (isRecord(value) && "found" in value) return value as unknown as KeptMeasurement;
  throw new DataError({ where: file, expected: "a measurement", got: "something else", remedy });
}

/** Throws a DataError if the command printed no JSON, and a DiskError if it does not fit. */
export function keepMeasurement(out: string, { key, command }: PlannedMeasurement, output: string): void {
  const found = parseJson(
    output,
    `comet ${command.join(" ")}`,
    "add --json, or run it alone and read its errors",
  );
  const { code, commit }: Code = measuringCode();
  const kept: KeptMeasurement = {
    ...{ command, machine: machineOfThis(), code, commit },
    written: new Date().toISOString(),
    found,
  };
  writeMeasurement(out, key, kept);
}

/** Throws a DiskError if it does not fit. */
export function writeMeasurement(out: string, key: string, kept: KeptMeasurement): void {
  const folder = join(out, "measurements");
  try {
    makeFolder(folder);
  } catch (cause) {
    throw refusal(folder, cause);
  }
  writeAtomically(fileOf(out, key), `${JSON.stringify(kept)}\n`);
}
