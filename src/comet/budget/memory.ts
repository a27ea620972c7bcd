/**
 * How many bytes a step may save, by what its ops hold beside saved tensors. Saved tensors are few bytes where an op of an
 * early layer holds most, and many at the end of the forward pass, where ops hold little; so the limit must hold at each
 * op by itself. With S and O the saved and the other bytes of a moment, all bounds together may let the saved bytes be f
 * times what they were,
 *
 *   f = min over moments of (limit − O) ÷ S
 */
import type { MemoryProfile } from "../../engine/controller.js";

/** A profile and the number of images that it is of. */
export interface Profiled {
  readonly images: number;
  readonly profile: MemoryProfile;
}

/** The profile of a step on so many images, by those on fewer: each number is on the line through the two. */
export function extrapolated(few: Profiled, more: Profiled, images: number): MemoryProfile {
  const line = (atFew: number, atMore: number) =>
    more.images > few.images
      ? atMore + (Math.max(0, atMore - atFew) * (images - more.images)) / (more.images - few.images)
      : (atMore * images) / more.images;
  return more.profile.map(({ saved, other }, i) => ({
    saved: line(few.profile[i]?.saved ?? 0, saved),
    other: line(few.profile[i]?.other ?? 0, other),
  }));
}

/** The most bytes that such a step saves at a time. */
export const mostSaved = (profile: MemoryProfile): number =>
  profile.reduce((most, { saved }) => Math.max(most, saved), 0);

/** The bytes that may be saved at a time; below 0 where an op holds more than the limit even without them. */
export function savedWithin(profile: MemoryProfile, limit: number): number {
  const factor = profile.reduce(
    (least, { saved, other }) => Math.min(least, (limit - other) / Math.max(saved, 1)),
    Number.POSITIVE_INFINITY,
  );
  const most = mostSaved(profile);
  return Math.floor(Math.min(factor * most, Math.max(limit, 0)));
}
