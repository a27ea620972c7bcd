/** Sequential writer and reader of little-endian bytes, from which all fields of a frame are built. */
import { FrameError } from "../error.js";

export class ByteWriter {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  u8(value: number): void {
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    this.u8(value & 255);
    this.u8(value >>> 8);
  }

  u32(value: number): void {
    this.u16(value & 0xffff);
    this.u16(value >>> 16);
  }

  /**
   * Writes seven bits per byte, lowest first; the top bit is set when more bytes follow. Needs value < 2^53.
   */
  varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.u8((rest % 128) + 128);
    this.u8(rest);
  }

  /** Advances by `length` bytes and returns them for the caller to fill. */
  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  written(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }
}

export class ByteReader {
  readonly bytes: Uint8Array;
  at = 0;
  /** The number of holes in the masks that were read. */
  holes = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Returns the next `length` bytes. Throws a FrameError that names `field` if the frame ends before. */
  take(length: number, field: string): Uint8Array {
    if (length > this.bytes.length - this.at) {
      throw new FrameError({
        where: field,
        expected: `${length} bytes from byte ${this.at} on`,
        got: `${this.bytes.length - this.at}`,
        remedy: "decode the whole frame as encode returned it",
      });
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  u8(field: string): number {
    return this.take(1, field)[0]!;
  }

  u16(field: string): number {
    const [low, high] = this.take(2, field);
    return low! | (high! << 8);
  }

  u32(field: string): number {
    return (this.u16(field) | (this.u16(field) << 16)) >>> 0;
  }

  varint(field: string): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.u8(field);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new FrameError({
      where: field,
      expected: "a varint of at most 7 bytes",
      got: "a longer varint",
      remedy: "decode the whole frame as encode returned it",
    });
  }
}
