/** Numbers of up to 17 bits, one after the other, the lowest bit first. */
export class BitWriter {
  readonly #bytes: Uint8Array;
  #at: number;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  write(number: number, bits: number): void {
    this.#held |= number << this.#count;
    this.#count += bits;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#bytes[this.#at++] = this.#held & 0xff;
      this.#held >>>= 8;
    }
  }

  /** Writes what is left, up to a whole byte. */
  end(): void {
    if (this.#count > 0) this.#bytes[this.#at++] = this.#held;
    this.#held = 0;
    this.#count = 0;
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
    for (; this.#count < bits; this.#count += 8) this.#held |= this.#bytes[this.#at++]! << this.#count;
    const number = this.#held & ((1 << bits) - 1);
    this.#held >>>= bits;
    this.#count -= bits;
    return number;
  }
}
