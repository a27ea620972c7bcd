/**
 * Allocation: bounds for many tensors at once. Tensor l adds c_l·eb_l²/3 to the total noise and takes R_l(eb_l) bytes,
 * as measured: a falling curve over log₂ eb, convex, made of straight pieces. Where noise and bytes together cost least,
 *
 *   minimise Σ c_l·eb_l²/3 + price·Σ R_l(eb_l),
 *
 * the next byte costs the same noise in every tensor. With s_l the bytes that twice the bound saves,
 *
 *   (10)  c_l·eb_l² = water · s_l,        water = 3·price / (2·ln 2)
 *
 * unless eb_l is at an end or a corner of its curve. This is reverse water-filling. While twice the bound saves a bit a
 * value, s_l = n_l/8: noise in proportion to the values that pay for it (claim G8). Where it saves nothing, there is
 * nothing to gain from a looser bound. One number, the water, is left to be found, by bisection, from what is allowed.
 */

export interface Point {
  bound: number;
  bytes: number;
}

/** A point of a curve, and s from here to the next: the bytes that twice the bound saves. 0 at the last. */
export interface Corner extends Point {
  saving: number;
}

/** Bytes by bound: bounds rise, bytes fall, less and less for each doubling of the bound. At least one corner. */
export type Curve = readonly Corner[];

export interface Weighed {
  /** c: the noise of an error of variance 1. */
  noise: number;
  curve: Curve;
}

/** The curve below measured points of different bounds: the corners of their convex hull, as far as bytes fall. */
export function curveThrough(points: readonly Point[]): Curve {
  const hull: Corner[] = [];
  for (const { bound, bytes } of [...points].sort((a, b) => a.bound - b.bound)) {
    for (let last = hull.at(-1); last; last = hull.at(-1)) {
      last.saving = (last.bytes - bytes) / log2(bound / last.bound);
      // Convex: no doubling saves more than the one before.
      if (hull.length === 1 || hull.at(-2)!.saving > last.saving) break;
      hull.pop();
    }
    hull.push({ bound, bytes, saving: 0 });
  }
  const end = hull.findIndex(({ saving }) => saving <= 0);
  return [...hull.slice(0, end), { ...hull[end]!, saving: 0 }];
}

export function bytesAt(curve: Curve, bound: number): number {
  const from = curve.findLast((corner) => corner.bound <= bound) ?? curve[0]!;
  return from.bytes - from.saving * log2(Math.max(bound / from.bound, 1));
}

/** (10) for one tensor: the bound at which noise and bytes together cost least. proofs: Allocation.best_optimal */
function boundUnder(water: number, { noise, curve }: Weighed): number {
  const free = ({ saving }: Corner) => Math.sqrt((water * saving) / noise);
  const last = curve.length - 1;
  const i = curve.findIndex((corner, i) => i === last || free(corner) < curve[i + 1]!.bound);
  return i === last ? curve[i]!.bound : Math.max(free(curve[i]!), curve[i]!.bound);
}

const boundsUnder = (water: number, tensors: readonly Weighed[]): number[] =>
  tensors.map((tensor) => boundUnder(water, tensor));

/** Σ c·eb²/3. */
export const noiseOf = (tensors: readonly Weighed[], bounds: readonly number[]): number =>
  tensors.reduce((sum, { noise }, i) => sum + (noise * bounds[i]! ** 2) / 3, 0);

export const bytesOf = (tensors: readonly Weighed[], bounds: readonly number[]): number =>
  tensors.reduce((sum, { curve }, i) => sum + bytesAt(curve, bounds[i]!), 0);

/** The fewest bytes that any bounds take. */
export const leastBytes = (tensors: readonly Weighed[]): number =>
  tensors.reduce((sum, { curve }) => sum + curve.at(-1)!.bytes, 0);

/** The bounds of the fewest bytes whose noise is at most `most`; the tightest of the curves if none has so little. */
export function forNoise(tensors: readonly Weighed[], most: number): number[] {
  const { low, high } = bisect(tensors, (bounds) => noiseOf(tensors, bounds) > most);
  return noiseOf(tensors, high) > most ? low : high;
}

/** The bounds of the least noise that take at most `most` bytes; the loosest of the curves if none take so few. */
export function forBytes(tensors: readonly Weighed[], most: number): number[] {
  const { low, high } = bisect(tensors, (bounds) => bytesOf(tensors, bounds) <= most);
  return bytesOf(tensors, low) <= most ? low : high;
}

/** Bounds at two waters as close as can be, below and above the least one at which `enough` holds. */
function bisect(tensors: readonly Weighed[], enough: (bounds: readonly number[]) => boolean) {
  // At the least of these all bounds are the tightest of their curves, at the largest all are the loosest.
  const waters = tensors
    .flatMap(({ noise, curve }) =>
      curve.flatMap(({ bound, saving }, i) => {
        const ends = saving > 0 ? [bound, curve[i + 1]!.bound] : [];
        return ends.map((end) => (noise * end ** 2) / saving);
      }),
    )
    .filter((water) => water > 0 && water < Number.POSITIVE_INFINITY);
  let low = waters.reduce((a, b) => Math.min(a, b), 1);
  let high = waters.reduce((a, b) => Math.max(a, b), 1);
  for (let i = 0; i < 100; i++) {
    const middle = Math.sqrt(low) * Math.sqrt(high);
    if (enough(boundsUnder(middle, tensors))) high = middle;
    else low = middle;
  }
  return { low: boundsUnder(low, tensors), high: boundsUnder(high, tensors) };
}

/** The logarithm to 32 binary digits, by squaring: the same bits in every engine, unlike Math.log2. x > 0, finite. */
function log2(x: number): number {
  let digits = 0;
  let rest = x;
  for (; rest >= 2; rest /= 2) digits++;
  for (; rest < 1; rest *= 2) digits--;
  for (let place = 0.5; place >= 2 ** -32; place /= 2) {
    rest *= rest;
    if (rest < 2) continue;
    rest /= 2;
    digits += place;
  }
  return digits;
}
