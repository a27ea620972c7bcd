/** The interface of the image formats: recognise a file, read its size from the header, and decode it. */
export interface Size {
  width: number;
  height: number;
}

export interface Picture extends Size {
  /** height × width × 3 bytes: red, green, blue. */
  data: Uint8Array;
}

/** The functions may throw an Error. Its message says what was found instead of a whole image. */
export interface Format {
  name: string;
  begins(bytes: Uint8Array): boolean;
  /** Reads only the header. */
  size(bytes: Uint8Array): Size;
  decode(bytes: Uint8Array): Picture | Promise<Picture>;
}

/** Whether the ASCII text is at byte `at`. */
export const has = (bytes: Uint8Array, at: number, text: string): boolean =>
  [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));

/** Picks three of the `channels` bytes of each pixel. */
export function pickChannels(
  from: ArrayLike<number>,
  pixels: number,
  channels: number,
  [red, green, blue]: readonly [number, number, number],
): Uint8Array {
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) {
    rgb[3 * p] = from[channels * p + red]!;
    rgb[3 * p + 1] = from[channels * p + green]!;
    rgb[3 * p + 2] = from[channels * p + blue]!;
  }
  return rgb;
}
