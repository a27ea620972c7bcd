/** Statistics of a frame: its bytes by field, and how the decoded values are distributed. */
import { ByteReader } from "./bytes.js";

/** A ByteReader that adds up the bytes it reads for each field. */
export class CountingReader extends ByteReader {
  readonly fields = new Map<string, number>();

  override take(length: number, field: string): Uint8Array {
    const bytes = super.take(length, field);
    this.fields.set(field, (this.fields.get(field) ?? 0) + length);
    return bytes;
  }
}

export interface Spread {
  /** Entropy of order 0 (from the frequency of each distinct value), in bits per value. */
  entropy: number;
  /** Sixteen bins of equal width over the finite values; each has its lower edge and its share of them. */
  histogram: { from: number; share: number }[];
}

export function spreadOf(x: Float32Array): Spread {
  const counts = new Map<number, number>();
  const finite = x.filter(Number.isFinite);
  for (const value of x) counts.set(value, (counts.get(value) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / x.length);
  const least = finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bins = new Array<number>(16).fill(0);
  const width = (most - least) / bins.length || 1;
  for (const value of finite) bins[Math.min(15, Math.floor((value - least) / width))]!++;
  const histogram =
    finite.length === 0 ? [] : bins.map((n, k) => ({ from: least + k * width, share: n / finite.length }));
  return { entropy: x.length > 0 ? bits / x.length : 0, histogram };
}
