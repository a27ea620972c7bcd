/**
 * npm run bench -- placement [NETWORK:SIZE:BATCH …]
 *
 * How much memory three steps need beside their live bytes, by how blocks are placed: the least memory in which their
 * allocations succeed ÷ the most live bytes. The allocations are recorded from steps on random images.
 */
import Table from "cli-table3";
import { Allocator, alignUp } from "../src/device/allocator.js";
import { MemoryError } from "../src/error.js";
import { type Event, recorded, replay } from "../test/laws/placement.js";

const networks = [
  "lenet:28:64",
  "resnet8:32:40",
  "resnet20:32:64",
  "resnet18:64:8",
  "resnet50:64:8",
  "efficientnet_b0:64:8",
];

interface Places {
  take(bytes: number, place: "low" | "high"): number | null;
  give(start: number, bytes: number): void;
}

/** The lowest free range that is large enough; for "high" the highest. */
class FirstFit implements Places {
  readonly #taken: { start: number; end: number }[];

  constructor(end: number) {
    this.#taken = [
      { start: 0, end: 0 },
      { start: end, end },
    ];
  }

  take(bytes: number, place: "low" | "high"): number | null {
    const gaps = this.#taken
      .slice(1)
      .map((next, i) => ({ i: i + 1, start: this.#taken[i]!.end, end: next.start }));
    const fits = ({ start, end }: { start: number; end: number }) => end - start >= bytes;
    const gap = place === "low" ? gaps.find(fits) : gaps.findLast(fits);
    if (!gap) return null;
    const start = place === "low" ? gap.start : gap.end - bytes;
    this.#taken.splice(gap.i, 0, { start, end: start + bytes });
    return start;
  }

  give(start: number): void {
    this.#taken.splice(
      this.#taken.findIndex((range, i) => i > 0 && range.start === start),
      1,
    );
  }
}

/** Whether the allocations succeed where blocks stay where they are. */
function stays(events: readonly Event[], places: Places): boolean {
  const live: { start: number; bytes: number }[] = [];
  for (const event of events) {
    if ("free" in event) places.give(live[event.free]!.start, live[event.free]!.bytes);
    if (!("bytes" in event)) continue;
    const bytes = alignUp(Math.max(event.bytes, 1));
    const start = places.take(bytes, event.high ? "high" : "low");
    if (start === null) return false;
    live.push({ start, bytes });
  }
  return true;
}

function moves(events: readonly Event[], bytes: number): boolean {
  try {
    replay(events, bytes);
    return true;
  } catch (error) {
    if (error instanceof MemoryError) return false;
    throw error;
  }
}

/** The least memory for which `succeeds` holds ÷ the peak, to half a percent. */
function least(peak: number, succeeds: (bytes: number) => boolean): number {
  let [low, high] = [1, 1.002];
  while (!succeeds(high * peak)) [low, high] = [high, 1 + 2 * (high - 1)];
  while (high - low > 0.005) {
    const middle = (low + high) / 2;
    if (succeeds(middle * peak)) high = middle;
    else low = middle;
  }
  return high;
}

export async function bench(args: readonly string[]): Promise<void> {
  const table = new Table({
    head: [
      "network",
      "store",
      "live, peak",
      "first fit",
      "best fit",
      "best fit, blocks move",
      "moved a step ÷ peak",
    ],
    style: { head: [], border: [] },
    colAligns: ["left", "left", "right", "right", "right", "right", "right"],
  });
  for (const network of args.length > 0 ? args : networks) {
    const [model, size, batch] = network.split(":") as [string, string, string];
    for (const store of ["plain", "comet"] as const) {
      const memory = "3GiB";
      const { events, peak } = await recorded(
        { model, store, memory, batch: Number(batch), steps: 3 },
        Number(size),
      );
      const moving = least(peak, (bytes) => moves(events, bytes));
      const { compactions } = replay(events, moving * peak);
      table.push([
        network,
        store,
        `${(peak / 2 ** 20).toFixed(1)} MiB`,
        least(peak, (bytes) => stays(events, new FirstFit(bytes))).toFixed(3),
        least(peak, (bytes) => stays(events, new Allocator(0, bytes))).toFixed(3),
        moving.toFixed(3),
        (compactions.bytes / 3 / peak).toFixed(1),
      ]);
    }
  }
  console.log(table.toString());
}
