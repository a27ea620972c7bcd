/**
 * Running a kernel of the wasm module over a range of units, split over the threads.
 *
 *   launch("relu", [y, x], units)   →   relu(y, x, 0, m)   relu(y, x, m, 2m)   …   relu(y, x, …, units)
 *
 * A unit's outputs depend on that unit alone, so every split gives the same bits, whichever thread makes which call.
 */
import type { Device } from "../../device/device.js";
import { callsPerThread, type Team } from "../../device/workers.js";
import { checkDevice, checkLengths, checkOverlap, type Lengths, type View } from "../check.js";

/** A shape has at most this many integers; the wasm side finds as much room again behind them for its own use. */
const shapeBytes = 1024;
const roomOffset = 512;

export interface LaunchOptions {
  /** Elements a unit, or as much work; decides whether splitting pays. */
  perUnit: number;
  /** Ranges begin at multiples of this. */
  grain?: number;
  /** Bytes of workspace a thread; the kernel then takes its address behind the range. */
  workspace?: number;
  /** Each call does some work again that other calls do as well: one a thread then, and no more. */
  costly?: boolean;
}

export class Launcher {
  readonly #device: Device;
  readonly #team: Team;
  readonly #leastWork: number;
  readonly #shape: number;
  readonly #integers: Int32Array;

  /** `leastWork`: elements a call below which the hand-off would cost more than it saves. */
  constructor(device: Device, team: Team, leastWork: number) {
    this.#device = device;
    this.#team = team;
    this.#leastWork = leastWork;
    this.#shape = device.allocate(shapeBytes, "workspace", "kernel shapes").address;
    this.#integers = new Int32Array(device.buffer, this.#shape, roomOffset / 4);
  }

  get threads(): number {
    return this.#team.size;
  }

  /** Checks a kernel's buffers: lengths, place, overlap. */
  check(where: string, outputs: Lengths, inputs: Lengths, inPlace = false): void {
    checkLengths(where, outputs);
    checkLengths(where, inputs);
    checkDevice(where, this.#device.buffer, outputs);
    checkDevice(where, this.#device.buffer, inputs);
    checkOverlap(where, outputs, inputs, inPlace);
  }

  /** Writes a shape's integers where the kernels read them; returns the address. */
  shape(values: readonly (number | boolean)[]): number {
    for (let i = 0; i < values.length; i++) this.#integers[i] = Number(values[i]);
    return this.#shape;
  }

  /** Asks the wasm side about the shape written last: workspace of a thread in bytes, number of units. */
  ask(question: string): number {
    return this.#team.call(question, [this.#shape, this.#shape + roomOffset]);
  }

  /** Runs `kernel(...args, begin, end[, workspace])` over `units`; returns each call's result, in ascending order. */
  launch(kernel: string, args: readonly number[], units: number, options: LaunchOptions): number[] {
    const calls: number[][] = [];
    for (const [begin, end] of this.split(units, options)) calls.push([...args, begin, end]);
    return this.run(kernel, calls, options.workspace);
  }

  /** How many calls share `units`: at most `callsPerThread` a thread. */
  parts(units: number, { perUnit, grain = 1, costly = false }: LaunchOptions): number {
    const most = this.threads === 1 || costly ? this.threads : this.threads * callsPerThread;
    const grains = Math.ceil(units / grain);
    return Math.max(1, Math.min(most, grains, Math.floor((units * perUnit) / this.#leastWork)));
  }

  /** Cuts [0, units) into the ranges of as many calls. */
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

  /** Runs calls, with a workspace of `bytes` for each thread behind their arguments if that is given. */
  run(kernel: string, calls: readonly number[][], bytes?: number): number[] {
    if (bytes === undefined) return this.#team.run(kernel, calls);
    return this.borrow(bytes * (calls.length > 1 ? this.threads : 1), kernel, (address) =>
      this.#team.run(kernel, calls, { address, bytes }),
    );
  }

  /** Memory of the device for as long as `use` runs. */
  borrow<T>(bytes: number, site: string, use: (address: number) => T): T {
    const block = this.#device.allocate(bytes, "workspace", site);
    try {
      return use(block.address);
    } finally {
      this.#device.free(block);
    }
  }

  /** Binary64 numbers in the device. */
  f64(address: number, count: number): Float64Array {
    return new Float64Array(this.#device.buffer, address, count);
  }
}

/** Where a view begins; 0 for none. */
export const addressOf = (view: View | null): number => view?.byteOffset ?? 0;

/** `workspace` bytes of the threads follow each other, so each is kept a multiple of a cache line. */
export const wholeLines = (bytes: number): number => Math.ceil(bytes / 64) * 64;
