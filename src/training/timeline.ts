/** The memory of a step over time, for a figure: which steps are recorded, and how a record is thinned. */
import type { Bytes } from "../device/ledger.js";

/** The first step, in case the run ends early, and the last step with a whole batch. */
export function timedSteps(images: number, batch: number, end: number): number[] {
  const partial = images % batch !== 0 && end % Math.ceil(images / batch) === 0;
  return [0, partial ? end - 2 : end - 1];
}

/** At most `most` entries, chosen evenly, with the one of the largest total among them. */
export function thin(timeline: Bytes[], most: number): Bytes[] {
  if (timeline.length <= most) return timeline;
  const total = (bytes: Bytes) => Object.values(bytes).reduce((a, b) => a + b, 0);
  const peak = timeline.reduce((best, bytes, i) => (total(bytes) > total(timeline[best]!) ? i : best), 0);
  const stride = timeline.length / most;
  return timeline.filter((_, i) => i === peak || Math.floor(i / stride) !== Math.floor((i - 1) / stride));
}
