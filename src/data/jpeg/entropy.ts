/** Reads bits and Huffman codes of a scan. FF 00 stands for the byte FF; FF before another byte is a marker and ends the data. */

export class BitReader {
  readonly #bytes: Uint8Array;
  /** The next byte to be read. */
  at: number;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Continues at byte `at`. The remaining bits of the last byte are padding and are dropped. */
  restart(at: number): void {
    this.at = at;
    this.#count = 0;
  }

  #fill(): void {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error("image data that end too soon");
    if (byte === 0xff) {
      while (this.#bytes[this.at] === 0xff) this.at++;
      if (this.#bytes[this.at++] !== 0) throw new Error("image data that end too soon, before a marker");
    }
    this.#held = ((this.#held << 8) | byte) & 0xffffff;
    this.#count += 8;
  }

  /** Returns the next `count` bits, at most 16, with the first bit highest. */
  bits(count: number): number {
    while (this.#count < count) this.#fill();
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  /** Returns a signed number of `size` bits. It is negative if its top bit is 0. */
  signed(size: number): number {
    if (size === 0) return 0;
    const value = this.bits(size);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
  }
}

/** A table of canonical Huffman codes: the number of codes of each length, and the symbols in order. */
export class HuffmanTable {
  readonly #counts: Uint8Array;
  readonly #symbols: Uint8Array;

  constructor(counts: Uint8Array, symbols: Uint8Array) {
    this.#counts = counts;
    this.#symbols = symbols;
  }

  next(reader: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 0; length < 16; length++) {
      code = (code << 1) | reader.bits(1);
      const count = this.#counts[length]!;
      if (code - first < count) return this.#symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
    }
    throw new Error("a damaged Huffman code");
  }
}

/** The tables of one DHT segment, with the slot class · 4 + number, where class is 0 for DC and 1 for AC. */
export function* huffmanTables(data: Uint8Array): Generator<[slot: number, table: HuffmanTable]> {
  for (let at = 0; at < data.length; ) {
    const head = data[at]!;
    const counts = data.slice(at + 1, at + 17);
    const symbols = counts.reduce((sum, count) => sum + count, 0);
    at += 17 + symbols;
    if (at > data.length || symbols > 256) throw new Error("a damaged Huffman table");
    yield [(head >> 4) * 4 + (head & 15), new HuffmanTable(counts, data.slice(at - symbols, at))];
  }
}
