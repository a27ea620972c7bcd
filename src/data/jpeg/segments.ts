/**
 * Splits a JPEG file into segments: FF, a marker, and for most markers a u16 length (which counts its own two bytes) and data.
 *
 *   FF D8 | FF E0 length … | FF DB length … | FF C0 length frame | FF C4 length … | FF DA length … entropy-coded data … | FF D9
 *
 * Stray bytes between segments are skipped, as in other decoders.
 */
export interface Segment {
  marker: number;
  /** The data without the length. */
  data: Uint8Array;
  /** The position of the first byte after the segment. */
  end: number;
}

export const endOfImage = 0xd9;
export const startOfScan = 0xda;

/** SOI, EOI, TEM and restart markers have no length and no data. */
const standsAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd9);

/** Whether a marker begins a frame, of whatever coding: C0 … CF except C4, C8 and CC. */
export const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Returns the next segment from byte `at` on, or null if the file ends before a whole one. */
export function nextSegment(bytes: Uint8Array, at: number): Segment | null {
  for (let i = at; i + 1 < bytes.length; i++) {
    const marker = bytes[i + 1]!;
    if (bytes[i] !== 0xff || marker === 0 || marker === 0xff) continue;
    const start = i + 2;
    if (standsAlone(marker)) return { marker, data: bytes.subarray(start, start), end: start };
    const length = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    if (length < 2 || start + length > bytes.length) return null;
    return { marker, data: bytes.subarray(start + 2, start + length), end: start + length };
  }
  return null;
}

/**
 * The most scans that are decoded. Encoders write about ten. Each scan passes over all blocks of the image, even where it
 * holds only a few bytes, so a small file with very many scans could keep a processor busy for minutes.
 */
export const mostScans = 100;

/** Throws an Error if there are more scans than that. Decodes nothing. */
export function checkScans(bytes: Uint8Array): void {
  let scans = 0;
  for (let at = 2; ; ) {
    const segment = nextSegment(bytes, at);
    if (segment === null || segment.marker === endOfImage) return;
    if (segment.marker === startOfScan && ++scans > mostScans)
      throw new Error(`more than ${mostScans} scans`);
    at = segment.end;
  }
}

/** The sampling factors of one plane and the number of its table of quantisation. */
export interface Sampling {
  id: number;
  across: number;
  down: number;
  table: number;
}

/** The largest sampling factors, which the others are relative to. */
export function largestSampling(planes: readonly Sampling[]): { across: number; down: number } {
  const most = (side: "across" | "down") => planes.reduce((most, plane) => Math.max(most, plane[side]), 1);
  return { across: most("across"), down: most("down") };
}

export interface Frame {
  /** C0 and C1 are sequential, C2 is progressive. */
  marker: number;
  bits: number;
  width: number;
  height: number;
  planes: Sampling[];
}

export function frameOf({ marker, data }: Segment): Frame {
  const u16 = (at: number) => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  const count = data[5] ?? 0;
  if (data.length !== 6 + 3 * count) throw new Error("a damaged frame header");
  const planes = Array.from({ length: count }, (_, i) => {
    const [id, sampling, table] = data.subarray(6 + 3 * i, 9 + 3 * i) as unknown as [number, number, number];
    return { id, across: sampling >> 4, down: sampling & 15, table };
  });
  return { marker, bits: data[0]!, height: u16(1), width: u16(3), planes };
}

/** Returns the frame header without decoding anything. Throws an Error if there is none before the first scan. */
export function findFrame(bytes: Uint8Array): Frame {
  for (let at = 2; ; ) {
    const segment = nextSegment(bytes, at);
    if (segment === null || segment.marker === startOfScan || segment.marker === endOfImage) {
      throw new Error("a JPEG without a frame header");
    }
    if (isFrame(segment.marker)) return frameOf(segment);
    at = segment.end;
  }
}
