/** Runs the decoders of the jSquash packages: C libraries compiled to WebAssembly, loaded on first use. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Picture, pickChannels } from "./format.js";

interface Decoded {
  width: number;
  height: number;
  /** Four bytes a pixel. */
  data: ArrayLike<number>;
}

interface Module {
  decode(bytes: Uint8Array, ...options: unknown[]): Decoded | null;
}

type Factory = (options: object) => Promise<Module>;

/** One instance of the library, and the messages that it has printed about the current file. */
interface Library {
  module: Module;
  complaints: string[];
  broken: boolean;
}

export interface Outcome {
  picture: Picture;
  /** The messages of the library about this file. */
  complaints: string[];
}

/** `wasm`: the compiled library, as a path in a package. `options` are passed on to its `decode`. */
export function wasmDecoder(
  factory: Factory,
  wasm: string,
  options: readonly unknown[] = [],
): (bytes: Uint8Array) => Promise<Outcome> {
  let loading: Promise<Library> | null = null;

  async function load(): Promise<Library> {
    const library: Library = { module: { decode: () => null }, complaints: [], broken: false };
    library.module = await factory({
      noInitialRun: true,
      wasmBinary: readFileSync(createRequire(import.meta.url).resolve(wasm)),
      printErr: (line: string) => library.complaints.push(line),
    });
    return library;
  }

  async function working(): Promise<Library> {
    for (;;) {
      loading ??= load();
      const library = await loading;
      if (!library.broken) return library;
      loading = null;
    }
  }

  return async (bytes) => {
    const library = await working();
    // There is no await from here on, so no other file can add messages in between.
    library.complaints = [];
    const told = () => library.complaints.join(", ") || "one that cannot be decoded";
    let decoded: Decoded | null;
    try {
      decoded = library.module.decode(bytes, ...options);
    } catch {
      // After an exception the library can fail with the next file too.
      library.broken = true;
      throw new Error(told());
    }
    if (decoded === null) throw new Error(told());
    const { width, height, data } = decoded;
    const rgb = pickChannels(data, width * height, 4, [0, 1, 2]);
    return { picture: { width, height, data: rgb }, complaints: library.complaints };
  };
}
