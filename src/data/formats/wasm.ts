/** Decoders of the jSquash packages: C libraries compiled to WebAssembly, loaded when the first file needs them. */
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

/** One instance of the library, and what it has printed about the file that it decodes. */
interface Library {
  module: Module;
  complaints: string[];
  broken: boolean;
}

export interface Outcome {
  picture: Picture;
  /** Of this file, and no other. */
  complaints: string[];
}

/** `wasm`: the compiled library, as a package's file. `options` are those of its `decode`. */
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
    // Nothing is awaited from here on: no other file's complaints come in between.
    library.complaints = [];
    const told = () => library.complaints.join(", ") || "one that cannot be decoded";
    let decoded: Decoded | null;
    try {
      decoded = library.module.decode(bytes, ...options);
    } catch {
      // Where a library was left, in the middle of a damaged file, it may go wrong with the next one as well.
      library.broken = true;
      throw new Error(told());
    }
    if (decoded === null) throw new Error(told());
    const { width, height, data } = decoded;
    const rgb = pickChannels(data, width * height, 4, [0, 1, 2]);
    return { picture: { width, height, data: rgb }, complaints: library.complaints };
  };
}
