/** Figures as text, for tables and sentences. */
import { formatBytes } from "../device/ledger.js";

export const percent = (share: number | null): string =>
  share === null ? "–" : `${(100 * share).toFixed(2)} %`;
export const times = (ratio: number | null): string => (ratio === null ? "–" : `${ratio.toFixed(2)}x`);
export const points = (share: number): string =>
  `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)}`;
export const bytes = (n: number): string => formatBytes(n);
export const digits = (value: number): string => String(Number(value.toPrecision(3)));

/** `82.25 ± 0.40 %`: mean and standard deviation. */
export const spreadPercent = (mean: number, deviation: number | null): string =>
  deviation === null ? percent(mean) : `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)} %`;

/** `3 seeds`, `1 seed`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
