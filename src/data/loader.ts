/**
 * Turns an image file into the square that a network sees. This happens on the calling thread, or in a worker
 * thread before the step that needs it. The resulting bytes are the same.
 */
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { type CropSettings, cropPicture } from "./crop.js";
import { unreadable } from "./files.js";
import { decodePicture } from "./picture.js";

/** `draws` comes from drawCrop, or is null for evaluation. */
export interface Task {
  path: string;
  settings: CropSettings;
  draws: Float32Array | null;
  maxPixels: number;
}

export interface Loader {
  /** Returns 3 × size × size bytes. Rejects with a DataError that names the file. */
  load(task: Task): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function loadHere({ path, settings, draws, maxPixels }: Task): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause) => {
    throw unreadable(path, cause);
  });
  return cropPicture(await decodePicture(bytes, path, maxPixels), settings, draws);
}

/** The answer of decode-worker.ts: the bytes, or null if the file could not be loaded. */
export interface Answer {
  id: number;
  planes: Uint8Array | null;
}

/** With `workers` 0, files are loaded on the calling thread. */
export function createLoader(workers: number): Loader {
  const members = Array.from({ length: workers }, createMember);
  let next = 0;
  return {
    load(task) {
      if (members.length === 0) {
        return loadHere(task);
      }
      next = (next + 1) % members.length;
      return members[next]!.load(task);
    },
    close: async () => {
      await Promise.all(members.map((member) => member.close()));
    },
  };
}

interface Waiting {
  task: Task;
  resolve(planes: Uint8Array | Promise<Uint8Array>): void;
}

function createMember(): Loader {
  const worker = new Worker(new URL("./decode-worker.js", import.meta.url));
  const waiting = new Map<number, Waiting>();
  let id = 0;
  const answer = (key: number, planes: Uint8Array | null) => {
    const { task, resolve } = waiting.get(key)!;
    waiting.delete(key);
    // A file that failed in the worker is loaded again here to get its error. The tasks of a dead worker are
    // loaded here as well.
    resolve(planes ?? loadHere(task));
    if (waiting.size === 0 && !closing) {
      worker.unref();
    }
  };
  let alive = true;
  // `close` waits for the worker to end, and sees that only if the process is kept alive until then.
  let closing = false;
  const end = () => {
    alive = false;
    for (const key of [...waiting.keys()]) {
      answer(key, null);
    }
  };
  worker.on("message", ({ id: key, planes }: Answer) => answer(key, planes));
  worker.on("error", end);
  worker.on("exit", end);
  worker.unref();
  return {
    load(task) {
      if (!alive) {
        return loadHere(task);
      }
      return new Promise((resolve) => {
        const key = id++;
        waiting.set(key, { task, resolve });
        worker.ref();
        worker.postMessage({ id: key, task });
      });
    },
    close: async () => {
      closing = true;
      await worker.terminate();
    },
  };
}
