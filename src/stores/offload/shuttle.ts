/**
 * Moves saved tensors between the device and the host. In the forward pass a tensor leaves when the next one is packed, so
 * the last one stays. In the backward pass, which needs them in the reverse order, a tensor is back when it is needed, and
 * the one before it is then fetched ahead: two are in the device at a time.
 */
import type { Transfers } from "../../engine/store.js";
import { MemoryError } from "../../error.js";
import type { Deposit, Host } from "./host.js";
import { Link } from "./link.js";

/** What holds a saved tensor in the device. */
export interface Body {
  readonly bytes: number;
  /** The bytes to be copied. */
  views(): Uint8Array[];
  /** Frees the device's memory. */
  release(): void;
  /** Allocates the memory again; what it returns is filled by the caller. */
  restore(): Uint8Array[];
}

export interface Passenger {
  readonly body: Body;
  /** Where its bytes are while they are not in the device. */
  deposits: Deposit[] | null;
  /** When the link has brought it back. */
  arrival: number;
  needed: boolean;
}

export class Shuttle {
  readonly #host: Host;
  readonly #link: Link;
  readonly #now: () => number;
  /** In the order of the forward pass. */
  readonly #passengers: Passenger[] = [];
  #copyMs = 0;
  #stalledBefore = 0;
  #moved: Transfers = nothing();

  constructor(host: Host, bytesPerMs: number, now = () => performance.now()) {
    this.#host = host;
    this.#now = now;
    this.#link = new Link(bytesPerMs, () => now() - this.#copyMs);
  }

  /** Takes a tensor on; the one before it leaves. */
  add(body: Body): Passenger {
    this.#link.join();
    const before = this.#passengers.at(-1);
    if (before && !before.deposits) this.#send(before);
    const passenger: Passenger = { body, deposits: null, arrival: 0, needed: false };
    this.#passengers.push(passenger);
    return passenger;
  }

  /** Brings a tensor back before it is used. */
  need(passenger: Passenger): void {
    if (passenger.deposits) this.#fetch(passenger);
    this.#link.wait(passenger.arrival);
    if (passenger.needed) return;
    passenger.needed = true;
    this.#fetchAhead(this.#passengers.indexOf(passenger));
  }

  /** Forgets a tensor that is not in the device. */
  remove(passenger: Passenger): void {
    for (const deposit of passenger.deposits?.splice(0) ?? []) deposit.free();
    const at = this.#passengers.indexOf(passenger);
    if (at >= 0) this.#passengers.splice(at, 1);
  }

  #send(passenger: Passenger): void {
    const { body } = passenger;
    this.#timed(() => {
      passenger.deposits = body.views().map((view) => this.#host.deposit(view));
    });
    body.release();
    this.#moved.sentBytes += body.bytes;
    this.#link.transfer(body.bytes);
  }

  #fetch(passenger: Passenger): void {
    const { body } = passenger;
    const views = body.restore();
    const deposits = passenger.deposits!;
    this.#timed(() => {
      for (const [i, deposit] of deposits.entries()) deposit.read(views[i]!);
    });
    passenger.deposits = null;
    for (const deposit of deposits) deposit.free();
    this.#moved.fetchedBytes += body.bytes;
    passenger.arrival = this.#link.transfer(body.bytes);
  }

  #fetchAhead(before: number): void {
    const next = this.#passengers.slice(0, Math.max(0, before)).findLast(({ deposits }) => deposits);
    if (!next) return;
    try {
      this.#fetch(next);
    } catch (error) {
      // It is fetched when it is needed, after the memory that is in use now.
      if (!(error instanceof MemoryError)) throw error;
      this.#moved.late++;
    }
  }

  #timed(copy: () => void): void {
    const start = this.#now();
    copy();
    const ms = this.#now() - start;
    this.#copyMs += ms;
    this.#moved.copyMs += ms;
  }

  /** What was moved since the last call. */
  transfers(): Transfers {
    const { stallMs } = this.#link;
    const moved = {
      ...this.#moved,
      stallMs: stallMs - this.#stalledBefore,
      hostPeakBytes: this.#host.peakBytes,
    };
    this.#moved = nothing();
    this.#stalledBefore = stallMs;
    this.#host.peakBytes = this.#host.liveBytes;
    return moved;
  }
}

const nothing = (): Transfers => ({
  sentBytes: 0,
  fetchedBytes: 0,
  hostPeakBytes: 0,
  late: 0,
  copyMs: 0,
  stallMs: 0,
});
