/**
 * Reads a JPEG file down to the coefficients, without computing pixels. This is enough to decide whether the file is whole.
 * Supports sequential and progressive Huffman coding with 8 bits a sample; other files are an Error.
 */
import { has } from "../formats/format.js";
import { BitReader, type HuffmanTable, huffmanTables } from "./entropy.js";
import { type Band, type Blocks, type Part, ScanDecoder, zigzag } from "./scan.js";
import {
  endOfImage,
  type Frame,
  frameOf,
  isFrame,
  largestSampling,
  nextSegment,
  type Sampling,
  type Segment,
  startOfScan,
} from "./segments.js";

export interface Plane extends Sampling, Blocks {
  /** The size in samples. The blocks cover at least this many. */
  width: number;
  height: number;
  /** The 64 factors, at row · 8 + column. */
  quantization: Uint16Array;
}

export interface Coefficients {
  width: number;
  height: number;
  planes: Plane[];
  /** The colour transform in the Adobe segment; null if there is no such segment. */
  transform: number | null;
}

/** Throws an Error that says what is missing or damaged. Stray bytes between segments are accepted. */
export function readCoefficients(bytes: Uint8Array): Coefficients {
  const contents = new Contents(bytes);
  for (let at = 2; ; ) {
    const segment = nextSegment(bytes, at);
    if (segment === null) {
      if (contents.complete) return contents.result();
      throw new Error("a file that ends too soon");
    }
    if (segment.marker === endOfImage) return contents.result();
    at = contents.take(segment);
  }
}

/** The contents of the segments read so far. */
class Contents {
  readonly #bytes: Uint8Array;
  readonly #quantization: (Uint16Array | undefined)[] = [];
  readonly #huffman: (HuffmanTable | undefined)[] = [];
  #frame: Frame | null = null;
  #planes: Plane[] = [];
  /** The planes whose first scan has been read. */
  readonly #begun = new Set<Plane>();
  #transform: number | null = null;
  /** The number of MCUs between restart markers; 0 if there are none. */
  #interval = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether only the end marker can be missing. In a progressive file, later scans could be missing too. */
  get complete(): boolean {
    return this.#frame !== null && this.#frame.marker !== 0xc2 && this.#begun.size === this.#planes.length;
  }

  result(): Coefficients {
    if (this.#frame === null || this.#begun.size < this.#planes.length)
      throw new Error("an image without its data");
    const { width, height } = this.#frame;
    return { width, height, planes: this.#planes, transform: this.#transform };
  }

  /** Processes a segment and returns the earliest start of the next one. */
  take(segment: Segment): number {
    const { marker, data, end } = segment;
    if (isFrame(marker)) this.#begin(frameOf(segment));
    else if (marker === 0xc4) for (const [slot, table] of huffmanTables(data)) this.#huffman[slot] = table;
    else if (marker === 0xdb) this.#takeQuantization(data);
    else if (marker === 0xdd) this.#interval = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
    else if (marker === 0xee && data.length >= 12 && has(data, 0, "Adobe")) {
      this.#transform = data[11]!;
    } else if (marker === startOfScan) return this.#scan(data, end);
    return end;
  }

  #takeQuantization(data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const wide = data[at]! >> 4 === 1 ? 2 : 1;
      const number = data[at]! & 15;
      const table = new Uint16Array(64);
      at++;
      for (let k = 0; k < 64; k++, at += wide) {
        table[zigzag[k]!] = wide === 2 ? (data[at]! << 8) | data[at + 1]! : data[at]!;
      }
      if (at > data.length) throw new Error("a damaged table of quantisation");
      this.#quantization[number] = table;
    }
  }

  #begin(frame: Frame): void {
    if (this.#frame !== null) throw new Error("a second frame");
    if (frame.marker > 0xc2) throw new Error("a coding that is neither sequential nor progressive Huffman");
    if (frame.bits !== 8) throw new Error(`${frame.bits} bits a sample`);
    const sides = frame.planes.flatMap(({ across, down }) => [across, down]);
    if (
      sides.some((side) => side < 1 || side > 4) ||
      sides.length === 0 ||
      frame.width * frame.height === 0
    ) {
      throw new Error("a damaged frame header");
    }
    this.#frame = frame;
    const { across, down } = largestSampling(frame.planes);
    this.#planes = frame.planes.map((plane) => {
      const stride = Math.ceil(frame.width / (8 * across)) * plane.across;
      const rows = Math.ceil(frame.height / (8 * down)) * plane.down;
      return {
        ...plane,
        width: Math.ceil((frame.width * plane.across) / across),
        height: Math.ceil((frame.height * plane.down) / down),
        stride,
        coefficients: new Int16Array(64 * stride * rows),
        quantization: new Uint16Array(64),
      };
    });
  }

  /** Decodes the entropy-coded data from byte `at` on and returns their end. */
  #scan(data: Uint8Array, at: number): number {
    const count = data[0] ?? 0;
    if (this.#frame === null || count < 1 || count > 4 || data.length !== 4 + 2 * count) {
      throw new Error("a damaged scan header");
    }
    const [first, last, bits] = data.subarray(1 + 2 * count) as unknown as [number, number, number];
    const band: Band = { first, last, high: bits >> 4, low: bits & 15 };
    const progressive = this.#frame.marker === 0xc2;
    if (progressive && (last > 63 || first > last || (first > 0 && count > 1)))
      throw new Error("a damaged scan header");
    const planes: Plane[] = [];
    const parts: Part[] = [];
    for (let i = 0; i < count; i++) {
      const plane = this.#planes.find(({ id }) => id === data[1 + 2 * i]);
      if (plane === undefined) throw new Error("a scan of an unknown plane");
      const tables = data[2 + 2 * i]!;
      planes.push(plane);
      parts.push({
        blocks: plane,
        dc: this.#huffman[tables >> 4],
        ac: this.#huffman[4 + (tables & 15)],
        last: 0,
      });
      if (!progressive || first === 0) this.#takePlane(plane);
    }
    const reader = new BitReader(this.#bytes, at);
    const decoder = new ScanDecoder(reader, progressive, band);
    let left = this.#interval;
    let due = 0;
    for (const unit of unitsOf(this.#frame, planes)) {
      if (this.#interval > 0 && left-- === 0) {
        const restart = nextSegment(this.#bytes, reader.at);
        if (restart === null || restart.marker !== 0xd0 + due)
          throw new Error("a restart marker that is not there");
        due = (due + 1) % 8;
        left = this.#interval - 1;
        reader.restart(restart.end);
        decoder.restart(parts);
      }
      for (const [part, block] of unit) decoder.block(parts[part]!, block);
    }
    return reader.at;
  }

  /** Records the table of quantisation that is valid when the plane's first scan begins. */
  #takePlane(plane: Plane): void {
    if (this.#begun.has(plane)) return;
    const table = this.#quantization[plane.table];
    if (table === undefined) throw new Error("a plane without its table of quantisation");
    plane.quantization = table;
    this.#begun.add(plane);
  }
}

/** The blocks of a scan as [part, first coefficient], in units (MCUs) between which restart markers are allowed. */
function* unitsOf(
  { width, height, planes: all }: Frame,
  planes: Plane[],
): Generator<[part: number, at: number][]> {
  const [only] = planes;
  if (planes.length === 1) {
    // A scan of one plane contains only the blocks that its samples need.
    for (let row = 0; row < Math.ceil(only!.height / 8); row++) {
      for (let column = 0; column < Math.ceil(only!.width / 8); column++) {
        yield [[0, 64 * (row * only!.stride + column)]];
      }
    }
    return;
  }
  const most = largestSampling(all);
  const across = Math.ceil(width / (8 * most.across));
  const down = Math.ceil(height / (8 * most.down));
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      yield planes.flatMap((plane, part) =>
        Array.from({ length: plane.across * plane.down }, (_, i): [number, number] => {
          const row = y * plane.down + Math.floor(i / plane.across);
          return [part, 64 * (row * plane.stride + x * plane.across + (i % plane.across))];
        }),
      );
    }
  }
}
