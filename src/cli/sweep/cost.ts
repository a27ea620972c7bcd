/** `comet sweep cost`: what a sweep takes on many nodes, by simulation from step times. */
import Table from "cli-table3";
import { UsageError } from "../../error.js";
import type { PlannedRun } from "../../experiments/planned-run.js";
import { simulate } from "../../experiments/schedule.js";
import { duration } from "../jobs/live.js";

export interface CostOptions {
  stepMs: number | undefined;
  nodes: string;
  perNode: number;
  startSeconds: number;
  limitHours: number;
}

const warningSeconds = 120;

/** `measured`: milliseconds of a step of each run that is known. */
export function costTable(
  runs: readonly PlannedRun[],
  measured: ReadonlyMap<string, number>,
  { stepMs, nodes, perNode, startSeconds, limitHours }: CostOptions,
): string {
  const known = [...measured.values()];
  const usual = stepMs ?? (known.length > 0 ? known.reduce((a, b) => a + b) / known.length : Number.NaN);
  if (!(usual > 0)) {
    throw new UsageError({
      where: "--step-ms",
      expected: "the milliseconds of a step, or runs of this sweep that have some steps",
      got: String(stepMs ?? "neither"),
      remedy: "give for example --step-ms 350, or run a part of the sweep first",
    });
  }
  if (!(startSeconds >= 0)) {
    throw new UsageError({
      where: "--start-seconds",
      expected: "a number of at least 0",
      got: String(startSeconds),
      remedy: "give for example --start-seconds 30",
    });
  }
  const seconds = runs.map(({ key, steps }) => (steps * (stepMs ?? measured.get(key) ?? usual)) / 1000);
  const table = new Table({
    head: ["nodes", "tasks at once", "until all have ended", "node hours", "starts", "time in steps"],
    style: { head: [], border: [] },
    colAligns: ["right", "right", "right", "right", "right", "right"],
  });
  for (const count of countsOf(nodes)) {
    const limitSeconds = limitHours > 0 ? 3600 * limitHours : Number.POSITIVE_INFINITY;
    if (limitSeconds <= warningSeconds + startSeconds) {
      throw new UsageError({
        where: "--limit-hours",
        expected: `more than ${startSeconds + warningSeconds} s for the start and the checkpoint`,
        got: `${limitSeconds} s`,
        remedy: "give a longer limit",
      });
    }
    const cost = simulate({
      runs: seconds,
      tasks: count * perNode,
      startSeconds,
      limitSeconds,
      warningSeconds,
    });
    table.push([
      String(count),
      String(Math.min(count * perNode, runs.length)),
      duration(1000 * cost.wallSeconds),
      (cost.taskSeconds / 3600 / perNode).toFixed(1),
      String(cost.starts),
      `${(100 * cost.efficiency).toFixed(1)} %`,
    ]);
  }
  return table.toString();
}

function countsOf(text: string): number[] {
  return text.split(",").map((part) => {
    const count = Number(part);
    if (Number.isInteger(count) && count > 0) return count;
    throw new UsageError({
      where: "--nodes",
      expected: "whole numbers above 0 with commas between them",
      got: text,
      remedy: "give for example --nodes 1,10,100,1000",
    });
  });
}
