/** The output of compress and decompress: a file or standard output. */
import { stdout } from "node:process";
import { Output } from "../files/output.js";

/** Bytes in order to a file that appears whole or not at all, or to standard output ("-"). */
export class Sink {
  readonly #output: Output | null;
  bytes = 0;

  constructor(path: string) {
    this.#output = path === "-" ? null : Output.open(path);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length;
    if (this.#output) this.#output.write(bytes);
    else
      await new Promise<void>((done, fail) => stdout.write(bytes, (error) => (error ? fail(error) : done())));
  }

  commit(): void {
    this.#output?.commit();
  }

  abandon(): void {
    this.#output?.abandon();
  }
}
