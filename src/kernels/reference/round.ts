/** Rounding to whole numbers, which halves of leave the even one, and integers of 8 bits. */
const { fround } = Math;

/** 1.5 · 2²³: a float32 of this size has no fraction, so adding it rounds. */
const large = 12_582_912;

/** The nearest whole number, for |x| < 2²²; never −0. */
export const round = (x: number): number => fround(fround(x + large) - large);

/** The whole number of 8 bits that is nearest to x; NaN gives 0. */
export const toInteger = (x: number): number => Math.min(127, Math.max(-128, round(x))) | 0;

/** A byte as a number from −128 to 127. */
export const signed = (byte: number): number => (byte << 24) >> 24;
