/**
 * What is verified, cut into portions that any thread can do in any order: each names its seed or its range, and what it
 * found is added to what the others of its job found.
 */
import type { Quantizer } from "../../src/codec/bound.js";
import type { Tally } from "../laws/hostile.js";
import type { Finding } from "../laws/sweep.js";

/** All 2^32 float32 through the codec, a range of bit patterns at a time. */
export interface SweepJob {
  kind: "sweep";
  name: string;
  /** `halves`: `paper` in dense mode's half steps, the rule alone. */
  quantizer: Quantizer | "halves";
  bound: number;
  portions: number;
}

/** Damaged frames at the decoder. */
export interface FramesJob {
  kind: "frames";
  name: string;
  portions: number;
}

/** A property of test/laws. */
export interface LawJob {
  kind: "law";
  name: string;
  portions: number;
}

export type Job = SweepJob | FramesJob | LawJob;

export const sweepPortion = 2 ** 26;
export const framesPortion = 100_000;
export const lawPortion = 10_000;

export interface LawFinding {
  cases: number;
  /** The first failures: the law's own words, seed and path among them. */
  failures: string[];
}

export interface FramesFinding extends Omit<Tally, "rejected"> {
  rejected: Record<string, number>;
}

export type Found =
  | { kind: "sweep"; finding: Finding }
  | { kind: "frames"; finding: FramesFinding }
  | { kind: "law"; finding: LawFinding };

export function nothingFound(kind: Job["kind"]): Found {
  if (kind === "sweep") return { kind, finding: { values: 0, raw: 0, violations: [], signs: 0, worst: 0 } };
  if (kind === "frames") return { kind, finding: { frames: 0, accepted: 0, rejected: {} } };
  return { kind, finding: { cases: 0, failures: [] } };
}

const some = 10;

/** Both together. */
export function merged(a: Found, b: Found): Found {
  if (a.kind === "sweep" && b.kind === "sweep") {
    const [x, y] = [a.finding, b.finding];
    return {
      kind: "sweep",
      finding: {
        values: x.values + y.values,
        raw: x.raw + y.raw,
        violations: [...x.violations, ...y.violations].slice(0, some),
        signs: x.signs + y.signs,
        worst: Math.max(x.worst, y.worst),
      },
    };
  }
  if (a.kind === "frames" && b.kind === "frames") {
    const rejected = { ...a.finding.rejected };
    for (const [field, count] of Object.entries(b.finding.rejected))
      rejected[field] = (rejected[field] ?? 0) + count;
    const frames = a.finding.frames + b.finding.frames;
    return {
      kind: "frames",
      finding: { frames, accepted: a.finding.accepted + b.finding.accepted, rejected },
    };
  }
  if (a.kind === "law" && b.kind === "law") {
    const failures = [...a.finding.failures, ...b.finding.failures].slice(0, some);
    return { kind: "law", finding: { cases: a.finding.cases + b.finding.cases, failures } };
  }
  throw new TypeError(`findings of two kinds: ${a.kind} and ${b.kind}`);
}
