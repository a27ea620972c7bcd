/**
 * What lives on the device through a step, by site and category, and at the moment of the peak: it tells where the next
 * byte can be spared. Blocks are counted at some moments only, evenly spread over the changes of the ledger.
 */
import type { Block } from "./block.js";
import { type Category, categories } from "./ledger.js";

/** The live blocks of one site in one category. */
export interface Holder {
  site: string;
  category: Category;
  bytes: number;
  blocks: number;
}

/** The live bytes of one site in one category at each moment. */
export interface HolderSeries {
  site: string;
  category: Category;
  bytes: number[];
}

export interface OccupancyRecord {
  /** The op that ran at each moment. */
  ops: string[];
  /** Of the largest holders; what is left is summed by category, under the site "others". */
  series: HolderSeries[];
  peak: {
    /** Its place among the moments. */
    moment: number;
    op: string;
    bytes: number;
    /** The largest first; what is left is summed by category, as in `series`. */
    holders: Holder[];
  };
}

interface Moment {
  change: number;
  op: string;
  bytes: number;
  holders: ReadonlyMap<string, Holder>;
}

/** At least half as many moments are kept, if there are as many changes. */
const mostMoments = 256;
/** The number of holders with a row of their own. */
const mostHolders = 32;

const keyOf = ({ site, category }: Pick<Holder, "site" | "category">): string => `${category} ${site}`;

function holdersOf(blocks: Iterable<Block>): Map<string, Holder> {
  const holders = new Map<string, Holder>();
  for (const block of blocks) {
    const { site, category, bytes } = block;
    const holder = holders.get(keyOf(block)) ?? { site, category, bytes: 0, blocks: 0 };
    holder.bytes += bytes;
    holder.blocks++;
    holders.set(keyOf(block), holder);
  }
  return holders;
}

export class Occupancy {
  #moments: Moment[] = [];
  #peak: Moment | null = null;
  #changes = 0;
  /** Every `stride`-th change is a moment. */
  #stride = 1;

  /** The live bytes have changed to `bytes`. */
  changed(op: string, bytes: number, blocks: () => Iterable<Block>): void {
    const change = this.#changes++;
    const highest = bytes > (this.#peak?.bytes ?? 0);
    const due = change % this.#stride === 0;
    if (!highest && !due) return;
    const moment = { change, op, bytes, holders: holdersOf(blocks()) };
    if (highest) this.#peak = moment;
    if (!due) return;
    this.#moments.push(moment);
    if (this.#moments.length < mostMoments) return;
    this.#stride *= 2;
    this.#moments = this.#moments.filter((kept) => kept.change % this.#stride === 0);
  }

  /** Null if nothing has changed. */
  get record(): OccupancyRecord | null {
    const peak = this.#peak;
    if (peak === null) return null;
    const moments = [...this.#moments.filter(({ change }) => change !== peak.change), peak];
    moments.sort((a, b) => a.change - b.change);
    const chosen = largest(moments, peak);
    const rowOf = (holder: Holder) => (chosen.has(keyOf(holder)) ? holder : { ...holder, site: "others" });
    const series = new Map<string, HolderSeries>();
    for (const [i, { holders }] of moments.entries()) {
      for (const holder of holders.values()) {
        const { site, category } = rowOf(holder);
        const row = series.get(keyOf({ site, category })) ?? { site, category, bytes: moments.map(() => 0) };
        row.bytes[i]! += holder.bytes;
        series.set(keyOf(row), row);
      }
    }
    const atPeak = new Map<string, Holder>();
    for (const holder of peak.holders.values()) {
      const row = rowOf(holder);
      const known = atPeak.get(keyOf(row)) ?? { ...row, bytes: 0, blocks: 0 };
      known.bytes += holder.bytes;
      known.blocks += holder.blocks;
      atPeak.set(keyOf(row), known);
    }
    const place = ({ category }: { category: Category }) => categories.indexOf(category);
    return {
      ops: moments.map(({ op }) => op),
      series: [...series.values()].sort((a, b) => place(a) - place(b)),
      peak: {
        moment: moments.indexOf(peak),
        op: peak.op,
        bytes: peak.bytes,
        holders: [...atPeak.values()].sort((a, b) => b.bytes - a.bytes),
      },
    };
  }
}

/** The keys of the holders with rows of their own: those that are largest at the peak, then those that ever are. */
function largest(moments: readonly Moment[], peak: Moment): ReadonlySet<string> {
  const most = new Map<string, number>();
  for (const { holders } of moments) {
    for (const [key, { bytes }] of holders) most.set(key, Math.max(bytes, most.get(key) ?? 0));
  }
  const ranked = (sizes: Iterable<[string, number]>) => [...sizes].sort(([, a], [, b]) => b - a);
  const atPeak = ranked([...peak.holders].map(([key, { bytes }]) => [key, bytes]));
  const chosen = [...atPeak.slice(0, mostHolders / 2), ...ranked(most)].map(([key]) => key);
  return new Set([...new Set(chosen)].slice(0, mostHolders));
}
