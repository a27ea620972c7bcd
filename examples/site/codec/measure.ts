/** What the codec makes of a tensor under some choices: the numbers and pictures of the codec bench. */
import { decode, type EncodeOptions, encode, inspect } from "../../../src/codec/index.js";
import { anatomy } from "../../../src/codec/reference.js";
import { compared, type Fault, type Planted, plant } from "./fault.js";
import { type Trace, trace } from "./trace.js";

export type Quantizer = NonNullable<EncodeOptions["quantizer"]>;
export type Mode = NonNullable<EncodeOptions["mode"]>;

export interface Choice {
  bound: number;
  /** A bound of its own for values below zero; null for the same one. */
  negativeBound: number | null;
  quantizer: Quantizer;
  mode: Mode;
  reZero: boolean;
  seed: number;
  /** What is put into the plane to test the promise. */
  fault: Fault | null;
}

/** A plane: `height` rows of `width` values, of which the first is value `begin` of the tensor. */
export interface Plane {
  begin: number;
  height: number;
  width: number;
}

export interface Picture extends Plane, Trace {
  x: Float32Array;
  decoded: Float32Array;
}

export interface Measurement {
  values: number;
  frameBytes: number;
  /** Bytes of the float32 tensor ÷ bytes of the frame. */
  ratio: number;
  bitsPerValue: number;
  /** What `auto`, or a tensor that dense mode does not suit, came to. */
  mode: "fast" | "dense";
  /** Values that are stored as they are. */
  escapes: number;
  encodeMs: number;
  decodeMs: number;
  /** The largest |error| ÷ bound of its side, and the number of finite values where that is 1 or more. */
  worst: number;
  broken: number;
  /** The root mean square of the errors of values other than 0 ÷ (bound ÷ √3). */
  uniformity: number;
  /** Values that are exactly 0, and how many of them are not 0 after decoding. */
  zeros: number;
  zerosLost: number;
  /** Values other than 0 that decode to 0, and values that decode to the other side of 0. */
  zerosMade: number;
  signsChanged: number;
  /** Values that are not finite, and how many of these came back with other bits. */
  special: number;
  specialChanged: number;
  stages: { stage: string; bytes: number }[];
  /** Errors in equal bins from `from` on. */
  histogram: { from: number; width: number; counts: number[] };
  picture: Picture;
  planted: Planted[];
}

/** The fields of a frame by what they are for. */
const stages: readonly (readonly [string, RegExp])[] = [
  ["codes of the differences", /^(blocks|segment words|segment low bits)$/],
  ["widths of the codes", /^widths$/],
  ["zeros, one bit a value", /^bitmap$/],
  ["raw values and their places", /escape|large|mask/],
  ["model and code tables", /^(model|tables)$/],
];

function stagesOf(fields: ReadonlyMap<string, number>) {
  const found = new Map<string, number>();
  for (const [field, bytes] of fields) {
    const stage = stages.find(([, pattern]) => pattern.test(field))?.[0] ?? "header and lengths";
    found.set(stage, (found.get(stage) ?? 0) + bytes);
  }
  return [...found].map(([stage, bytes]) => ({ stage, bytes })).sort((a, b) => b.bytes - a.bytes);
}

/** The time of the fastest of three calls, and the result. */
function timed<T>(run: () => T): { ms: number; result: T } {
  let ms = Number.POSITIVE_INFINITY;
  let result!: T;
  for (let i = 0; i < 3; i++) {
    const started = performance.now();
    result = run();
    ms = Math.min(ms, performance.now() - started);
  }
  return { ms, result };
}

const bins = 96;

export function measure(
  tensor: Float32Array,
  shape: readonly number[],
  plane: Plane,
  choice: Choice,
): Measurement {
  const { bound, negativeBound, quantizer, mode, reZero, seed } = choice;
  const { x, planted } = plant(tensor, plane, choice);
  const keepsSigns = quantizer === "support" || quantizer === "signed";
  const below = keepsSigns ? (negativeBound ?? bound) : bound;
  const options: EncodeOptions = { bound, negativeBound: below, quantizer, mode, seed, shape };
  const encoding = timed(() => encode(x, options));
  const frame = encoding.result;
  const decoding = timed(() => decode(frame, { reZero }));
  const decoded = decoding.result;
  const { fields, escapes } = anatomy(frame);
  const { ratio, frameBytes, mode: used } = inspect(frame);
  const end = plane.begin + plane.height * plane.width;
  return {
    values: x.length,
    frameBytes,
    ratio,
    bitsPerValue: (8 * frameBytes) / x.length,
    mode: used,
    escapes,
    encodeMs: encoding.ms,
    decodeMs: decoding.ms,
    ...errorsOf(x, decoded, bound, below),
    stages: stagesOf(fields),
    histogram: histogramOf(x, decoded, Math.max(bound, below) * (reZero ? 2.2 : 1.2)),
    picture: {
      ...plane,
      ...trace(x, frame, { begin: plane.begin, end }),
      x: x.slice(plane.begin, end),
      decoded: decoded.slice(plane.begin, end),
    },
    planted: compared(x, decoded, planted),
  };
}

const wordsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

function errorsOf(x: Float32Array, decoded: Float32Array, bound: number, below: number) {
  const [before, after] = [wordsOf(x), wordsOf(decoded)];
  const found = {
    worst: 0,
    broken: 0,
    zeros: 0,
    zerosLost: 0,
    zerosMade: 0,
    signsChanged: 0,
    special: 0,
    specialChanged: 0,
  };
  let [squares, count] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const [value, back] = [x[i]!, decoded[i]!];
    if (!Number.isFinite(value)) {
      found.special++;
      if (before[i] !== after[i]) found.specialChanged++;
      continue;
    }
    const share = Math.abs(back - value) / (value < 0 ? below : bound);
    found.worst = Math.max(found.worst, share);
    if (share >= 1) found.broken++;
    if (value === 0) {
      found.zeros++;
      if (back !== 0) found.zerosLost++;
      continue;
    }
    squares += share * share;
    count++;
    if (back === 0) found.zerosMade++;
    else if (value < 0 !== back < 0) found.signsChanged++;
  }
  return { ...found, uniformity: count > 0 ? Math.sqrt((3 * squares) / count) : 0 };
}

/** The errors of the values that are not 0: those of zeros are 0, and would hide the others. */
function histogramOf(x: Float32Array, decoded: Float32Array, most: number): Measurement["histogram"] {
  const counts = new Array<number>(bins).fill(0);
  const width = (2 * most) / bins;
  for (let i = 0; i < x.length; i++) {
    const error = decoded[i]! - x[i]!;
    if (x[i] === 0 || !Number.isFinite(error)) continue;
    const bin = Math.floor((error + most) / width);
    if (bin >= 0 && bin < bins) counts[bin]!++;
  }
  return { from: -most, width, counts };
}
