/** The law of allocations: no other allocation within the budget is better. */
import fc from "fast-check";
import {
  bytesOf,
  type Curve,
  curveThrough,
  noiseOf,
  type Weighed,
} from "../../src/comet/budget/allocation.js";

/** An allocator: returns bounds for tensors under a limit. */
export type Allocate = (tensors: readonly Weighed[], most: number) => readonly number[];

/**
 * A codec's curve: `values` numbers, which cost a bit for each halving of the bound at first, and less
 * towards the loose end.
 */
const curve: fc.Arbitrary<Curve> = fc
  .record({
    values: fc.integer({ min: 1, max: 1e6 }),
    scale: fc.integer({ min: -20, max: 20 }),
    falls: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
  })
  .map(({ values, scale, falls }) => {
    let bytes = 100;
    const points = falls.map((fall, i) => {
      const point = { bound: 2 ** (scale - 2 * i), bytes };
      bytes += (fall * values) / 4;
      return point;
    });
    return curveThrough(points);
  });

export const tensors: fc.Arbitrary<readonly Weighed[]> = fc.array(
  fc.record({ noise: fc.integer({ min: -60, max: 60 }).map((n) => 2 ** n * 1.3), curve }),
  { minLength: 1, maxLength: 12 },
);

/** A limit's place between the least and the largest possible one. */
export const level = fc.double({ min: 0.02, max: 0.98, noNaN: true });

/**
 * The loosest bounds `shape`·factor, within the curves, that respect a limit of noise, or the tightest ones
 * for a limit of bytes.
 */
export function scaled(
  kind: Kind,
  tensors: readonly Weighed[],
  shape: readonly number[],
  most: number,
): readonly number[] {
  const at = (factor: number) =>
    tensors.map(({ curve }, i) =>
      Math.min(Math.max(factor * shape[i]!, curve[0]!.bound), curve.at(-1)!.bound),
    );
  let [low, high] = [2 ** -200, 2 ** 200];
  for (let i = 0; i < 100; i++) {
    const middle = Math.sqrt(low * high);
    const over =
      kind === "noise" ? noiseOf(tensors, at(middle)) > most : bytesOf(tensors, at(middle)) <= most;
    if (over) high = middle;
    else low = middle;
  }
  return at(kind === "noise" ? low : high);
}

/** The quantity that is limited; the other one is to be minimised. */
export type Kind = "noise" | "bytes";

const slightly = 1 + 1e-6;

/**
 * Compares an allocation with one that differs by a few doublings within the same limit. Returns what is
 * wrong, or null.
 */
export function complaint(
  kind: Kind,
  tensors: readonly Weighed[],
  bounds: readonly number[],
  most: number,
  doublings: readonly number[],
): string | null {
  const [limited, wanted] = kind === "noise" ? [noiseOf, bytesOf] : [bytesOf, noiseOf];
  if (limited(tensors, bounds) > most * slightly) return "exceeds its limit";
  const shape = bounds.map((bound, i) => bound * 2 ** doublings[i % doublings.length]!);
  const other = scaled(kind, tensors, shape, most);
  return wanted(tensors, other) * slightly < wanted(tensors, bounds) ? `is worse than ${other}` : null;
}
