/** What steps on parts of a batch hold, op by op, for a controller that has to make a step fit. */
import type { MemoryProfile, TrialMemory } from "../engine/controller.js";
import { backward } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { keepingStatistics } from "../stores/probe.js";
import { momentumBytes } from "./momentum.js";
import type { Session } from "./session.js";

/**
 * A part of the device that a step leaves free, by the law of docs/decisions/placement.md, and room for workspaces: as
 * much again, but no more than they need. Workspaces are not profiled, because their bytes depend on the number of threads,
 * and what a run computes must not.
 */
const slack = 1 / 24;
const scratchBytes = 2 ** 23;

type Moment = MemoryProfile[number];

/** `lossOfFirst`: makes the loss of the first images of a batch. `batchBytes`: of the whole batch, which a step consumes. */
export function memoryOf(
  { engine, model, settings }: Session,
  lossOfFirst: (count: number) => Tensor,
  batchBytes: number,
): TrialMemory {
  const { device } = engine;
  const { ledger, budget } = device;
  const limit = Math.floor((1 - slack) * budget - Math.min(slack * budget, scratchBytes));
  const profile = (count: number): MemoryProfile => {
    const first = device.ops;
    const held: { highest: Moment; fullest: Moment }[] = [];
    ledger.onChange = ({ saved, workspace }, total) => {
      const now = { saved, other: total - saved - workspace - batchBytes };
      const op = held[device.ops - first] ?? { highest: now, fullest: now };
      held[device.ops - first] = op;
      if (now.saved + now.other > op.highest.saved + op.highest.other) op.highest = now;
      if (now.other > op.fullest.other) op.fullest = now;
    };
    try {
      keepingStatistics(model, () => {
        const loss = lossOfFirst(count);
        engine.trial = true;
        backward(loss, { whole: false, receive: (_, gradient) => gradient.dispose() });
      });
    } finally {
      engine.trial = false;
      ledger.onChange = null;
    }
    // The first step adds the momentum of all parameters.
    const begins = settings.momentum > 0 && ledger.live.optimiser === 0;
    const momentum = begins ? momentumBytes(ledger.live.parameters, settings.momentumType) : 0;
    const none = { saved: 0, other: 0 };
    return Array.from(held, (op) => [op?.highest ?? none, op?.fullest ?? none])
      .flat()
      .map(({ saved, other }) => ({ saved, other: other + momentum }));
  };
  return {
    budget,
    limit,
    profile,
    fitting() {
      const base = ledger.total - ledger.live.workspace - batchBytes;
      const most = profile(1).reduce((bytes, { saved, other }) => Math.max(bytes, saved + other), 0);
      return Math.max(1, Math.floor((limit - base) / (most - base)));
    },
  };
}
