/**
 * A .cmt file: the bytes of a file in order, with its float32 tensors as frames. Both sides read and write it in parts, so
 * they never hold more than one part in memory.
 *
 *   "CMTA" 01 | 00 u32 n  n bytes as they are | 01 frame | … | 02 u32 checksum, f64 bytes of what decoding gives
 */
import { addStripes, foldLanes, startLanes, stripeBytes } from "../codec/checksum.js";
import { inspect } from "../codec/index.js";
import { FrameError } from "../error.js";
import type { Source } from "./source.js";

export const magic = Uint8Array.of(0x43, 0x4d, 0x54, 0x41, 1);
export const section = { bytes: 0, frame: 1, end: 2 } as const;
/** The most values in a part. */
export const partLength = 1 << 21;

/** The bytes at the start of a frame that hold its length. */
const frontBytes = 12;

/**
 * Reads the sections of an archive in order, frames whole. Throws a FrameError if it is damaged or cut off, or if bytes
 * follow its end.
 */
export async function* sectionsOf(source: Source): AsyncGenerator<{ kind: number; bytes: Uint8Array }> {
  const damaged = (field: string, expected: string, got: string, remedy = "get the file whole") =>
    new FrameError({ where: `${source.name}: ${field}`, expected, got, remedy });
  const head = await source.take(magic.length, "magic");
  if (magic.some((byte, i) => head[i] !== byte)) {
    const got = [...head].map((byte) => byte.toString(16)).join(" ");
    throw damaged("magic", "a file that comet compress wrote", got, "name another file");
  }
  for (;;) {
    const [kind] = await source.take(1, "section");
    if (kind === section.end) {
      yield { kind, bytes: await source.take(12, "end") };
      const behind = await source.drain();
      if (behind > 0) throw damaged("end", "no more bytes", String(behind));
      return;
    }
    if (kind === section.bytes) {
      const length = lengthAtEnd(await source.take(4, "section length"));
      yield { kind, bytes: await source.take(length, "bytes") };
    } else if (kind === section.frame) {
      const front = await source.take(frontBytes, "section length");
      const length = lengthAtEnd(front);
      if (length < frontBytes) throw damaged("frame", `at least ${frontBytes} bytes`, String(length));
      const bytes = Buffer.concat([front, await source.take(length - frontBytes, "frame")]);
      // A short frame may claim any number of values.
      const values = inspect(bytes).shape.reduce((product, size) => product * size, 1);
      if (values > partLength) throw damaged("frame", `at most ${partLength} values`, String(values));
      yield { kind, bytes };
    } else throw damaged("section", `one of ${Object.values(section).join(", ")}`, String(kind));
  }
}

const lengthAtEnd = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4, true);

/** The checksum of bytes that come in pieces. */
export class Content {
  readonly #lanes = startLanes();
  #rest: Uint8Array = new Uint8Array(0);
  bytes = 0;

  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    const all = new Uint8Array(this.#rest.length + piece.length);
    all.set(this.#rest);
    all.set(piece, this.#rest.length);
    const whole = all.length - (all.length % stripeBytes);
    addStripes(this.#lanes, all.subarray(0, whole));
    this.#rest = all.slice(whole);
  }

  checksum(): number {
    const lanes = this.#lanes.slice();
    addStripes(lanes, this.#rest);
    return foldLanes(lanes, this.bytes);
  }
}
