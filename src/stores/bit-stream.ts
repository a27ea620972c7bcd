/** Numbers of any width up to 17 bits, one after the other, the lowest bit first. */
export class BitWriter {
  readonly #bytes: Uint8Array;
  #length = 0;
  #held = 0;
  #count = 0;

  /** `most`: the most bytes. */
  constructor(most: number) {
    this.#bytes = new Uint8Array(most);
  }

  write(value: number, bits: number): void {
    this.#held |= value << this.#count;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#bytes[this.#length++] = this.#held & 0xff;
      this.#held >>>= 8;
      this.#count -= 8;
    }
  }

  /** One bit for each number: whether it is not 0. At the beginning of a byte. */
  writeMask(numbers: Int32Array): void {
    for (let i = 0; i < numbers.length; i++) this.write(numbers[i] === 0 ? 0 : 1, 1);
  }

  /** Ends with a whole byte. */
  align(): void {
    if (this.#count > 0) this.write(0, 8 - this.#count);
  }

  get bytes(): number {
    return this.#length;
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  read(bits: number): number {
    while (this.#count < bits) {
      this.#held |= this.#bytes[this.#at++]! << this.#count;
      this.#count += 8;
    }
    const value = this.#held & ((1 << bits) - 1);
    this.#held >>>= bits;
    this.#count -= bits;
    return value;
  }
}
