/** The header around a payload. docs/format.md describes it; the field names here are the same. */
import { FrameError, ShapeError } from "../error.js";
import { bin, keepsSigns, type Quantization, smallestBound } from "./bound.js";
import { ByteReader, ByteWriter } from "./bytes.js";

/** A frame has the second version only if it needs it: if it has a mask or predictor 7. */
const firstVersion = 1;
export const secondVersion = 2;
/** Where the version lies in a frame. */
export const versionAt = 3;
export const headerCapacity = 96;
const magic = [0x43, 0x4d, 0x54]; // CMT
/** Indexed by bits 0 and 1 of the layout byte. Bit 3 distinguishes `signed` from `dithered`. */
const quantizers = ["lossless", "support", "paper", "dithered"] as const;
const signedBit = 8;
const dithers = (quantizer: Quantization["quantizer"]) => quantizer === "dithered" || quantizer === "signed";
const modes = ["fast", "dense"] as const;
const mostDimensions = 8;

export type Mode = (typeof modes)[number];

export interface Header {
  mode: Mode;
  shape: number[];
  quantization: Quantization;
}

export const lengthOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/**
 * Returns `shape`, or [x.length] without one. Throws a ShapeError if its product is not the number of values.
 */
export function checkedShape(shape: readonly number[] | undefined, length: number): number[] {
  const checked = shape === undefined ? [length] : [...shape];
  const whole = checked.every((size) => Number.isInteger(size) && size >= 0);
  if (!whole || checked.length > mostDimensions || lengthOf(checked) !== length) {
    throw new ShapeError({
      where: "encode shape",
      expected: `at most ${mostDimensions} whole sizes with product ${length}`,
      got: `[${checked.join(", ")}]`,
      remedy: "give the tensor's own shape, or none",
    });
  }
  return checked;
}

/**
 * The distance to the value above: the last size that is not 1, or its least multiple that is at least 8. It
 * is 0 where no value lies above or the distance is too large.
 */
export function lagOf(shape: readonly number[]): number {
  const sizes = shape.filter((size) => size !== 1);
  const width = sizes.at(-1) ?? 0;
  if (sizes.length < 2 || width === 0 || width > 4095) return 0;
  return width * Math.ceil(8 / width);
}

/**
 * Writes the header without the checksum and the frame's length; `sealHeader` adds them when they are known.
 */
export function writeHeader({ mode, shape, quantization }: Header): Uint8Array {
  const { quantizer, positive, negative, seed } = quantization;
  const out = new ByteWriter(headerCapacity);
  const twoBounds = positive.bound !== negative.bound;
  for (const byte of magic) out.u8(byte);
  out.u8(firstVersion);
  out.u32(0);
  out.u32(0);
  const kind = quantizer === "signed" ? 3 | signedBit : quantizers.indexOf(quantizer);
  out.u8(kind | (modes.indexOf(mode) << 2) | (twoBounds ? 16 : 0));
  out.u8(shape.length);
  for (const size of shape) out.varint(size);
  const float = new DataView(new ArrayBuffer(4));
  const f32 = (value: number) => {
    float.setFloat32(0, value);
    out.u32(float.getUint32(0));
  };
  if (quantizer !== "lossless") f32(positive.bound);
  if (twoBounds) f32(negative.bound);
  if (dithers(quantizer)) out.u32(seed);
  return out.written();
}

function fail(where: string, expected: string, got: string, remedy: string): never {
  throw new FrameError({ where, expected, got, remedy });
}

/** The same four bytes as an integer and as a number. */
const oneFloat = new Float32Array(1);
const oneWord = new Uint32Array(oneFloat.buffer);

/**
 * Reads a frame's header; `payload` is where the payload starts. `bytes` must be the whole frame. `checksum`
 * computes the checksum of all bytes from 8 on, which must equal the stored one.
 */
export function readHeader(
  bytes: Uint8Array,
  checksum: (from8: Uint8Array) => number,
): Header & { payload: number } {
  const input = new ByteReader(bytes);
  const start = input.take(3, "magic");
  if (magic.some((byte, i) => start[i] !== byte)) {
    fail(
      "magic",
      "43 4d 54",
      [...start].map((b) => b.toString(16)).join(" "),
      "give bytes that encode returned",
    );
  }
  const found = input.u8("version");
  if (found < firstVersion || found > secondVersion)
    fail("version", `${firstVersion} or ${secondVersion}`, String(found), "use a newer comet-ts");
  const sum = input.u32("checksum");
  const frameBytes = input.u32("frame bytes");
  if (frameBytes !== bytes.length) {
    fail(
      "frame bytes",
      `${bytes.length}, the number of bytes given`,
      String(frameBytes),
      "decode exactly the bytes of the frame",
    );
  }
  const actual = checksum(bytes.subarray(8));
  if (sum !== actual) {
    fail(
      "checksum",
      sum.toString(16),
      actual.toString(16),
      "encode the tensor again: these bytes are damaged",
    );
  }
  const layout = input.u8("layout");
  if (layout & 0xe0)
    fail("layout", "zeros in bits 5, 6 and 7", `0x${layout.toString(16)}`, "use a newer comet-ts");
  const kind = quantizers[layout & 3]!;
  const signed = (layout & signedBit) !== 0;
  if (signed && kind !== "dithered")
    fail("layout", "bit 3 only together with dithered", kind, "use a newer comet-ts");
  const quantizer = signed ? "signed" : kind;
  const twoBounds = (layout & 16) !== 0;
  if (twoBounds && !keepsSigns(quantizer))
    fail("layout", "two bounds only with support or signed", quantizer, "use a newer comet-ts");
  const rank = input.u8("rank");
  if (rank > mostDimensions)
    fail("rank", `at most ${mostDimensions}`, String(rank), "encode with fewer dimensions");
  const shape = Array.from({ length: rank }, () => input.varint("shape"));
  if (!(lengthOf(shape) < 2 ** 32)) {
    fail("shape", "fewer than 2^32 values", `[${shape.join(", ")}]`, "encode the tensor in parts");
  }
  const boundField = (field: string): number => {
    oneWord[0] = input.u32(field);
    const bound = oneFloat[0]!;
    if (!(bound >= smallestBound && bound <= 2 ** 126)) {
      fail(field, "2^-120 to 2^126", String(bound), "encode the tensor again: these bytes are damaged");
    }
    return bound;
  };
  const positive = bin(quantizer === "lossless" ? 1 : boundField("bound"));
  const negative = twoBounds ? bin(boundField("negative bound")) : positive;
  const seed = dithers(quantizer) ? input.u32("seed") : 0;
  const mode = modes[(layout >> 2) & 1]!;
  const second = found === secondVersion;
  return { mode, shape, quantization: { quantizer, positive, negative, seed, second }, payload: input.at };
}

/** Writes the length and the checksum into the header of a whole frame. */
export function sealHeader(
  bytes: Uint8Array,
  frameBytes: number,
  checksum: (from8: Uint8Array) => number,
): void {
  writeLength(bytes, frameBytes);
  writeChecksum(bytes, checksum(bytes.subarray(8, frameBytes)));
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Must run before the checksum is computed, because the checksum covers the length. */
export const writeLength = (bytes: Uint8Array, frameBytes: number): void =>
  viewOf(bytes).setUint32(8, frameBytes, true);

export const writeChecksum = (bytes: Uint8Array, sum: number): void => viewOf(bytes).setUint32(4, sum, true);
