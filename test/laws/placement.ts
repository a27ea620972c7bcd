/** What a network's steps allocate and free, recorded, and replayed on a device of another size. */
import { randomImages } from "../../src/data/random.js";
import { Device } from "../../src/device/device.js";
import type { Category } from "../../src/device/ledger.js";
import { train } from "../../src/training/loop.js";
import { createSession, type Session } from "../../src/training/session.js";
import type { Settings } from "../../src/training/settings.js";

/** A few steps on random images. */
export async function run(
  settings: Partial<Settings>,
  size: number,
  prepare: (session: Session) => void = () => {},
): Promise<{ weights: string; session: Session }> {
  const { batch = 6, steps = 3 } = settings;
  const dataset = randomImages(batch * steps, size);
  const session = createSession({ lr: 0.02, batch, steps, threads: 1, ...settings }, dataset);
  try {
    prepare(session);
    return { weights: (await train(session)).weights, session };
  } finally {
    await session.close();
  }
}

export type Event = { free: number } | { bytes: number; category: Category; high: boolean } | { op: string };

/** What some steps allocate and free, and the most live bytes of all, from a device with plenty of room. */
export async function recorded(
  settings: Partial<Settings>,
  size: number,
): Promise<{ events: Event[]; peak: number }> {
  const events: Event[] = [];
  let peak = 0;
  await run({ memory: "512MiB", ...settings }, size, ({ engine: { device } }) => {
    const numbers = new Map<object, number>();
    const note = (block: { bytes: number; category: Category }, high: boolean) => {
      numbers.set(block, numbers.size);
      events.push({ bytes: block.bytes, category: block.category, high });
    };
    for (const block of device.blocks()) note(block, false);
    const { allocate, fill, free, beginOp } = device;
    device.allocate = (bytes, category, site, place) => {
      const block = allocate.call(device, bytes, category, site, place);
      note(block, place === "high");
      return block;
    };
    device.fill = (...args) => {
      const blocks = fill.apply(device, args);
      for (const block of blocks) note(block, true);
      return blocks;
    };
    device.free = (block) => {
      free.call(device, block);
      events.push({ free: numbers.get(block)! });
    };
    device.beginOp = (op, images) => {
      peak = Math.max(peak, device.ledger.peakTotal);
      beginOp.call(device, op, images);
      events.push({ op });
    };
  });
  return { events, peak };
}

/** The bytes of a device that the kernels' own data take. */
const ofKernels = (() => {
  const { budget, freeBytes } = new Device({ memory: 2 ** 20 });
  return budget - freeBytes;
})();

/** Runs the events in so many bytes, rounded up to pages. A block's address is in use while the op that allocates or frees it runs. */
export function replay(events: readonly Event[], bytes: number): Device {
  const device = new Device({ memory: Math.max(2 ** 20, bytes + ofKernels + 65_535) });
  const blocks: ReturnType<Device["allocate"]>[] = [];
  for (const event of events) {
    if ("op" in event) device.beginOp(event.op, 1);
    else if ("free" in event) {
      device.u8(blocks[event.free]!);
      device.free(blocks[event.free]!);
    } else {
      const block = device.allocate(event.bytes, event.category, "trace", event.high ? "high" : "low");
      device.u8(block);
      blocks.push(block);
    }
  }
  return device;
}
