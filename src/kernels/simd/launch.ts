/**
 * Runs a kernel of the WebAssembly module over a range of units, split over the threads.
 *
 *   launch("relu", [y, x], units)   →   relu(y, x, 0, m)   relu(y, x, m, 2m)   …   relu(y, x, …, units)
 *
 * The outputs of a unit depend on that unit alone, so every split gives the same bits, whichever thread runs
 * which call.
 */
import type { Device } from "../../device/device.js";
import { callsPerThread, type Team } from "../../device/workers.js";
import { checkDevice, checkLengths, checkOverlap, type Lengths, type View } from "../check.js";

/**
 * The integers of a shape lie in the first half of these bytes. The second half is room for the kernels' own
 * use.
 */
const shapeBytes = 1024;
const roomOffset = 512;

export interface LaunchOptions {
  /** Elements per unit, or an equal amount of work; it decides whether splitting pays. */
  perUnit: number;
  /** Ranges begin at multiples of this number. */
  grain?: number;
  /** Bytes of workspace per thread. The kernel receives its address after the range. */
  workspace?: number;
  /** True if every call repeats some common work; then there is at most one call per thread. */
  costly?: boolean;
}

export class Launcher {
  readonly #device: Device;
  readonly #team: Team;
  readonly #leastWork: number;
  readonly #shape: number;
  readonly #integers: Int32Array;

  /**
   * `leastWork` is the number of elements per call below which handing it to a thread costs more than it
   * saves.
   */
  constructor(device: Device, team: Team, leastWork: number) {
    this.#device = device;
    this.#team = team;
    this.#leastWork = leastWork;
    this.#shape = device.allocate(shapeBytes, "workspace", "kernel shapes").pin();
    this.#integers = new Int32Array(device.buffer, this.#shape, roomOffset / 4);
  }

  get threads(): number {
    return this.#team.size;
  }

  /**
   * Checks the lengths of a kernel's buffers, that they lie in the device, and that they do not overlap. Returns their
   * addresses in the order given, which is the order of the kernel's arguments.
   */
  check(where: string, outputs: Lengths, inputs: Lengths, inPlace = false): number[] {
    checkLengths(where, outputs);
    checkLengths(where, inputs);
    checkDevice(where, this.#device.buffer, outputs);
    checkDevice(where, this.#device.buffer, inputs);
    checkOverlap(where, outputs, inputs, inPlace);
    const addresses: number[] = [];
    for (const name in outputs) addresses.push(addressOf(outputs[name]![0]));
    for (const name in inputs) addresses.push(addressOf(inputs[name]![0]));
    return addresses;
  }

  /** Writes a shape's integers where the kernels read them, and returns the address. */
  shape(values: readonly (number | boolean)[]): number {
    for (let i = 0; i < values.length; i++) this.#integers[i] = Number(values[i]);
    return this.#shape;
  }

  /**
   * Calls a kernel that answers a question about the shape written last, for example the workspace in bytes
   * per thread.
   */
  ask(question: string): number {
    return this.#team.call(question, [this.#shape, this.#shape + roomOffset]);
  }

  /**
   * Runs `kernel(...args, begin, end[, workspace])` over `units`. Returns the result of each call, in
   * ascending order.
   */
  launch(kernel: string, args: readonly number[], units: number, options: LaunchOptions): number[] {
    const calls: number[][] = [];
    for (const [begin, end] of this.split(units, options)) calls.push([...args, begin, end]);
    return this.run(kernel, calls, options.workspace);
  }

  /** Number of calls that share `units`: at most `callsPerThread` per thread. */
  parts(units: number, { perUnit, grain = 1, costly = false }: LaunchOptions): number {
    const most = this.threads === 1 || costly ? this.threads : this.threads * callsPerThread;
    const grains = Math.ceil(units / grain);
    return Math.max(1, Math.min(most, grains, Math.floor((units * perUnit) / this.#leastWork)));
  }

  /** Cuts [0, units) into one range per call. */
  split(units: number, options: LaunchOptions): [begin: number, end: number][] {
    const { grain = 1 } = options;
    const grains = Math.ceil(units / grain);
    const parts = this.parts(units, options);
    if (parts === 1) return units > 0 ? [[0, units]] : [];
    const ranges: [begin: number, end: number][] = [];
    for (let i = 0, begin = 0; i < parts; i++) {
      const end = Math.min(Math.floor((grains * (i + 1)) / parts) * grain, units);
      ranges.push([begin, end]);
      begin = end;
    }
    return ranges;
  }

  /**
   * Runs calls. With `bytes`, each call receives the address of its thread's workspace of that size as a last
   * argument.
   */
  run(kernel: string, calls: readonly number[][], bytes?: number): number[] {
    if (bytes === undefined) return this.#team.run(kernel, calls);
    return this.borrow(bytes * (calls.length > 1 ? this.threads : 1), kernel, (address) =>
      this.#team.run(kernel, calls, { address, bytes }),
    );
  }

  /** Allocates device memory, passes its address to `use`, and frees it afterwards. */
  borrow<T>(bytes: number, site: string, use: (address: number) => T): T {
    const block = this.#device.allocate(bytes, "workspace", site);
    try {
      return use(block.address);
    } finally {
      this.#device.free(block);
    }
  }

  /** A view of binary64 numbers in the device. */
  f64(address: number, count: number): Float64Array {
    return new Float64Array(this.#device.buffer, address, count);
  }
}

/** The address where a view begins; 0 for null. */
export const addressOf = (view: View | null): number => view?.byteOffset ?? 0;

/** Rounds a workspace up to whole cache lines, because the workspaces of the threads lie side by side. */
export const wholeLines = (bytes: number): number => Math.ceil(bytes / 64) * 64;
