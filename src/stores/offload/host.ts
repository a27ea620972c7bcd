/** Where bytes wait outside the device: in the program's own memory, or in a file. */
import { platform } from "#platform";
import { UsageError } from "../../error.js";

/** Bytes that wait. */
export interface Deposit {
  readonly bytes: number;
  /** Copies them to `to`, which may lie in the device. */
  read(to: Uint8Array): void;
  free(): void;
}

export abstract class Host {
  /** The bytes that wait now, and the most that did since the last reset. */
  liveBytes = 0;
  peakBytes = 0;

  /** Copies bytes, which may lie in the device. */
  deposit(from: Uint8Array): Deposit {
    const { read, free } = this.write(from);
    const bytes = from.length;
    this.liveBytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return {
      bytes,
      read,
      free: () => {
        this.liveBytes -= bytes;
        free();
      },
    };
  }

  protected abstract write(from: Uint8Array): Omit<Deposit, "bytes">;

  close(): void {}
}

export class HostMemory extends Host {
  protected write(from: Uint8Array): Omit<Deposit, "bytes"> {
    // A copy of bytes in shared memory lies in memory of its own.
    let copy: Uint8Array | null = from.slice();
    return {
      read: (to) => to.set(copy!),
      free() {
        copy = null;
      },
    };
  }
}

/** A file without a name, which goes when it is closed. */
export class HostFile extends Host {
  readonly #file: ReturnType<typeof platform.scratchFile>;
  /** The number of deposits, and the end of the last one. A step empties the file, and the next one begins at 0. */
  #live = 0;
  #end = 0;

  /** `folder`: empty for the system's folder of temporary files. */
  constructor(folder: string) {
    super();
    try {
      this.#file = platform.scratchFile(folder);
    } catch (cause) {
      throw unusable(folder, cause);
    }
  }

  protected write(from: Uint8Array): Omit<Deposit, "bytes"> {
    const at = this.#end;
    this.#transfer(() => this.#file.write(from, at));
    this.#end += from.length;
    this.#live++;
    return {
      read: (to) => this.#transfer(() => this.#file.read(to, at)),
      free: () => {
        if (--this.#live === 0) this.#end = 0;
      },
    };
  }

  #transfer(run: () => void): void {
    try {
      run();
    } catch (cause) {
      throw unusable("the offload file", cause);
    }
  }

  override close(): void {
    this.#file.close();
  }
}

const unusable = (where: string, cause: unknown): UsageError =>
  new UsageError({
    where: `settings.offloadFolder (${where || "temporary files"})`,
    expected: "a folder with room for a file of all saved tensors",
    got: cause instanceof Error ? cause.message : String(cause),
    remedy: "give another settings.offloadFolder, or use settings.offloadTo memory",
  });
