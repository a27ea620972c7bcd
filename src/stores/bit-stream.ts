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

  /** Numbers from 0 up, `shift` less than they are to be written, in this many bits each. */
  write(numbers: Int32Array, shift: number, bits: number): void {
    const bytes = this.#bytes;
    // Local variables, because this loop sees every value.
    let [length, held, count] = [this.#length, this.#held, this.#count];
    for (let i = 0; i < numbers.length; i++) {
      held |= (numbers[i]! + shift) << count;
      count += bits;
      while (count >= 8) {
        bytes[length++] = held & 0xff;
        held >>>= 8;
        count -= 8;
      }
    }
    this.#length = length;
    this.#held = held;
    this.#count = count;
  }

  /** Ends with a whole byte. */
  align(): void {
    if (this.#count > 0) this.#bytes[this.#length++] = this.#held;
    this.#held = 0;
    this.#count = 0;
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

  /** As many numbers as `numbers` has room for. */
  read(numbers: Int32Array, shift: number, bits: number): void {
    const bytes = this.#bytes;
    const ones = (1 << bits) - 1;
    let [at, held, count] = [this.#at, this.#held, this.#count];
    for (let i = 0; i < numbers.length; i++) {
      while (count < bits) {
        held |= bytes[at++]! << count;
        count += 8;
      }
      numbers[i] = (held & ones) - shift;
      held >>>= bits;
      count -= bits;
    }
    this.#at = at;
    this.#held = held;
    this.#count = count;
  }
}
