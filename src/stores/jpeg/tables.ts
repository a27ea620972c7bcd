/**
 * The tables by which coefficients are divided, row by row: entry 8·u + v belongs to the frequency u down the columns and v
 * along the rows. Source: the tables of the authors' code (rdevans0/jpeg_act), which are powers of two; the standard table is
 * that of JPEG (ITU-T T.81, table K.1).
 */

/** The gentle table: 8 everywhere. */
export const optL: readonly number[] = Array<number>(64).fill(8);

/** In row u of `optH`, the columns with 32; all others hold 16. */
const coarse = [[1, 7], [0, 4], [0, 4], [0, 3], [0, 2], [0, 1], [0, 1], []] as const;

/** The strong table. The constant coefficient keeps its 8. */
export const optH: readonly number[] = Array.from({ length: 64 }, (_, i) => {
  const [from = 8, to = 8] = coarse[i >> 3]!;
  const v = i & 7;
  if (i === 0) return 8;
  return v >= from && v < to ? 32 : 16;
});

/** Luminance. */
const standard = [
  [16, 11, 10, 16, 24, 40, 51, 61],
  [12, 12, 14, 19, 26, 58, 60, 55],
  [14, 13, 16, 24, 40, 57, 69, 56],
  [14, 17, 22, 29, 51, 87, 80, 62],
  [18, 22, 37, 56, 68, 109, 103, 77],
  [24, 35, 55, 64, 81, 104, 113, 92],
  [49, 64, 78, 87, 103, 121, 120, 101],
  [72, 92, 95, 98, 112, 100, 103, 99],
].flat();

/** JPEG's table of quality 1 … 100. */
export function tableOfQuality(quality: number): readonly number[] {
  const factor = quality < 50 ? 50 / quality : 2 - quality / 50;
  return standard.map((entry) => Math.min(255, Math.max(1, Math.floor(entry * factor + 0.5))));
}
