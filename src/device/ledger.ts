/** Counts the bytes of the device by category, now and at the peak. */

export const categories = [
  "parameters",
  "gradients",
  "optimiser",
  "activations",
  "saved",
  "workspace",
] as const;
export type Category = (typeof categories)[number];

export type Bytes = Record<Category, number>;

const nothing = (): Bytes => ({
  parameters: 0,
  gradients: 0,
  optimiser: 0,
  activations: 0,
  saved: 0,
  workspace: 0,
});

export class Ledger {
  /** Live bytes by category. */
  readonly live: Bytes = nothing();
  /** The peak of each category by itself; different categories peak at different moments. */
  readonly peak: Bytes = nothing();
  /** The peak of all categories together, and the categories' bytes at that moment. */
  peakTotal = 0;
  atPeak: Bytes = nothing();
  /** Called after every change. The training loop samples its memory timeline here. */
  onChange: ((live: Bytes, total: number) => void) | null = null;

  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(category: Category, bytes: number): void {
    this.live[category] += bytes;
    this.#total += bytes;
    this.peak[category] = Math.max(this.peak[category], this.live[category]);
    if (this.#total > this.peakTotal) {
      this.peakTotal = this.#total;
      this.atPeak = { ...this.live };
    }
    this.onChange?.(this.live, this.#total);
  }

  /** Moves bytes between categories in one change, so that `onChange` never sees them in neither or both. */
  move(from: Category, to: Category, bytes: number): void {
    this.live[from] -= bytes;
    this.live[to] += bytes;
    this.peak[to] = Math.max(this.peak[to], this.live[to]);
    this.onChange?.(this.live, this.#total);
  }

  /** Restarts the peaks at the current bytes. */
  resetPeak(): void {
    Object.assign(this.peak, this.live);
    this.peakTotal = this.#total;
    this.atPeak = { ...this.live };
  }

  /** The live bytes as one line, largest first, for error messages and logs. */
  toString(): string {
    const rows = categories.filter((c) => this.live[c] > 0).sort((a, b) => this.live[b] - this.live[a]);
    return rows.map((c) => `${c} ${formatBytes(this.live[c])}`).join(", ") || "nothing live";
  }
}

const units = ["B", "KiB", "MiB", "GiB"] as const;

/** 1536 → "1.5 KiB". Binary units, three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(value >= 100 ? Math.ceil(Math.log10(value + 1)) : 3)} ${units[unit]}`;
}

const multipliers: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gib: 2 ** 30,
};

/** "1GiB" → 1073741824; null if the text is not an amount of bytes. */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const multiplier = match ? multipliers[match[2]!.toLowerCase()] : undefined;
  return match && multiplier !== undefined ? Math.floor(Number(match[1]) * multiplier) : null;
}
