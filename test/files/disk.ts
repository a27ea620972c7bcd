/**
 * A disk in memory, for all paths below `root`, that fails on demand. It knows what an operating system promises: bytes
 * of a file survive a crash when the file was flushed, names in a folder when the folder was. What was not flushed may
 * survive or not.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname } from "node:path";

export const root = "/sim";

/** `now`: what programs see; `safe`: what certainly survives. */
interface File {
  now: Uint8Array;
  safe: Uint8Array;
}
interface Folder {
  now: Map<string, Node>;
  safe: Map<string, Node>;
}
type Node = File | Folder;

/** What a crash leaves: of files and of folders, only what was flushed or all that was done. */
export interface Survival {
  bytes: "safe" | "now";
  names: "safe" | "now";
}

export const survivals: readonly Survival[] = (["safe", "now"] as const).flatMap((bytes) =>
  (["safe", "now"] as const).map((names) => ({ bytes, names })),
);

const isFile = (node: Node): node is File => node.now instanceof Uint8Array;
const newFile = (): File => ({ now: new Uint8Array(), safe: new Uint8Array() });
const newFolder = (): Folder => ({ now: new Map(), safe: new Map() });

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

export class Disk {
  /** Changes so far: each is a moment at which the disk may crash. */
  changes = 0;
  /** The change at which it crashes; of a write, half is done. 0: never. */
  crashAt = 0;
  crashed = false;
  /** The most bytes that all files may hold. */
  capacity = Number.POSITIVE_INFINITY;
  /** The most bytes that one call of write takes. */
  gulp = Number.POSITIVE_INFINITY;
  #root = newFolder();
  readonly #open = new Map<number, { node: Node; append: boolean; at: number }>();
  #next = 1_000_000;

  /** The disk after a crash, as the next program finds it. */
  after({ bytes, names }: Survival): Disk {
    const copy = (node: Node): Node => {
      if (isFile(node)) return { now: node[bytes].slice(), safe: node[bytes].slice() };
      const kept = new Map([...node[names]].map(([name, child]) => [name, copy(child)]));
      return { now: kept, safe: new Map(kept) };
    };
    const disk = new Disk();
    disk.#root = copy(this.#root) as Folder;
    return disk;
  }

  /** A file's text, null if there is none. */
  text(path: string): string | null {
    const node = this.#find(path);
    return node && isFile(node) ? new TextDecoder().decode(node.now) : null;
  }

  names(path: string): string[] {
    const node = this.#find(path);
    return node && !isFile(node) ? [...node.now.keys()].sort() : [];
  }

  /** All of it is on the disk. */
  flush(): void {
    const flush = (node: Node): void => {
      if (isFile(node)) node.safe = node.now.slice();
      else {
        node.safe = new Map(node.now);
        for (const child of node.now.values()) flush(child);
      }
    };
    flush(this.#root);
  }

  get used(): number {
    const bytes = (node: Node): number =>
      isFile(node) ? node.now.length : [...node.now.values()].reduce((sum, child) => sum + bytes(child), 0);
    return bytes(this.#root);
  }

  #find(path: string): Node | null {
    let node: Node | null = this.#root;
    for (const name of path.slice(root.length).split("/").filter(Boolean)) {
      node = node && !isFile(node) ? (node.now.get(name) ?? null) : null;
    }
    return node;
  }

  #folder(path: string): Folder {
    const folder = this.#find(dirname(path));
    if (!folder || isFile(folder)) throw failure("ENOENT");
    return folder;
  }

  #change(half?: () => void): void {
    if (!this.crashed && ++this.changes !== this.crashAt) return;
    if (!this.crashed) half?.();
    this.crashed = true;
    throw failure("ECRASH");
  }

  openSync(path: string, flags: string | number = "r"): number {
    const folder = path === root ? this.#root : this.#folder(path);
    let node = path === root ? this.#root : folder.now.get(basename(path));
    if (typeof flags !== "string") throw failure("EINVAL");
    if (flags !== "r") {
      this.#change();
      if (node && flags.includes("x")) throw failure("EEXIST");
      node ??= newFile();
      folder.now.set(basename(path), node);
      if (isFile(node) && flags.startsWith("w")) node.now = new Uint8Array();
    }
    if (!node) throw failure("ENOENT");
    this.#open.set(++this.#next, { node, append: flags.startsWith("a"), at: 0 });
    return this.#next;
  }

  writeSync(descriptor: number, bytes: Uint8Array, from = 0): number {
    const file = this.#open.get(descriptor)!;
    const put = (count: number): void => {
      const node = file.node as File;
      const at = file.append ? node.now.length : file.at;
      const longer = new Uint8Array(Math.max(node.now.length, at + count));
      longer.set(node.now);
      longer.set(bytes.subarray(from, from + count), at);
      node.now = longer;
      file.at = at + count;
    };
    const wanted = Math.min(this.gulp, bytes.length - from);
    this.#change(() => put(wanted >> 1));
    const taken = Math.min(wanted, this.capacity - this.used);
    if (taken <= 0 && wanted > 0) throw failure("ENOSPC");
    put(taken);
    return taken;
  }

  fsyncSync(descriptor: number): void {
    this.#change();
    const { node } = this.#open.get(descriptor)!;
    if (isFile(node)) node.safe = node.now.slice();
    else node.safe = new Map(node.now);
  }

  ftruncateSync(descriptor: number, length = 0): void {
    this.#change();
    const node = this.#open.get(descriptor)!.node as File;
    node.now = node.now.slice(0, length);
  }

  fchmodSync(): void {}

  closeSync(descriptor: number): void {
    this.#open.delete(descriptor);
  }

  renameSync(from: string, to: string): void {
    this.#change();
    const node = this.#folder(from).now.get(basename(from));
    if (!node) throw failure("ENOENT");
    this.#folder(from).now.delete(basename(from));
    this.#folder(to).now.set(basename(to), node);
  }

  linkSync(from: string, to: string): void {
    this.#change();
    const node = this.#folder(from).now.get(basename(from));
    if (!node) throw failure("ENOENT");
    if (this.#folder(to).now.has(basename(to))) throw failure("EEXIST");
    this.#folder(to).now.set(basename(to), node);
  }

  rmSync(path: string): void {
    this.#change();
    this.#folder(path).now.delete(basename(path));
  }

  mkdirSync(path: string): void {
    this.#change();
    const folder = this.#folder(path);
    if (folder.now.has(basename(path))) throw failure("EEXIST");
    folder.now.set(basename(path), newFolder());
  }

  writeFileSync(path: string, contents: string, { flag }: { flag: string }): void {
    const file = this.openSync(path, flag);
    this.writeSync(file, Buffer.from(contents));
  }

  readFileSync(path: string, encoding?: BufferEncoding): Buffer | string {
    const node = this.#find(path);
    if (!node || !isFile(node)) throw failure("ENOENT");
    return encoding ? Buffer.from(node.now).toString(encoding) : Buffer.from(node.now);
  }

  existsSync(path: string): boolean {
    return this.#find(path) !== null;
  }

  readdirSync(path: string): string[] {
    return this.names(path);
  }

  lstatSync(path: string): object | undefined {
    const node = this.#find(path);
    if (!node) return undefined;
    const is = (answer: boolean) => () => answer;
    return {
      isFile: is(isFile(node)),
      isDirectory: is(!isFile(node)),
      isSymbolicLink: is(false),
      mode: 0o644,
    };
  }

  realpathSync(path: string): string {
    return path;
  }

  statSync(path: string): object | undefined {
    return this.lstatSync(path);
  }
}

const byPath = [
  ...[
    "openSync",
    "renameSync",
    "linkSync",
    "rmSync",
    "mkdirSync",
    "writeFileSync",
    "readFileSync",
    "existsSync",
  ],
  ...["readdirSync", "lstatSync", "statSync", "realpathSync"],
];
const byDescriptor = ["writeSync", "fsyncSync", "ftruncateSync", "fchmodSync", "closeSync"];

type Call = (...args: unknown[]) => unknown;

/** While `use` runs, `disk` is what lies below `root`; all else of the file system is as it is. */
export async function on<T>(disk: Disk, use: () => T | Promise<T>): Promise<T> {
  const real = fs as unknown as Record<string, Call>;
  const own = disk as unknown as Record<string, Call>;
  const kept = Object.fromEntries([...byPath, ...byDescriptor].map((name) => [name, real[name]!]));
  for (const name of byPath) {
    real[name] = (...args) =>
      typeof args[0] === "string" && (args[0] === root || args[0].startsWith(`${root}/`))
        ? own[name]!(...args)
        : kept[name]!(...args);
  }
  for (const name of byDescriptor) {
    real[name] = (...args) => ((args[0] as number) >= 1_000_000 ? own[name]!(...args) : kept[name]!(...args));
  }
  syncBuiltinESMExports();
  try {
    return await use();
  } finally {
    Object.assign(real, kept);
    syncBuiltinESMExports();
  }
}
