/**
 * Places: where a forward pass is one tensor wide, so that all later steps follow from that tensor. A segment that is
 * computed again begins and ends at a place.
 *
 *   ─► conv ─●─► norm ─► relu ─●─┬─► conv ─► norm ─► relu ─► conv ─► norm ─► add ─►        ● one tensor wide
 *                                └────────────────────────────────────────────┘
 */
import { type Keeps, planChains, type TracedStep } from "../../engine/plan.js";

export interface Place {
  /** The number of steps before it. */
  readonly after: number;
  /** The name of the tensor that all later steps follow from. */
  readonly tensor: string;
}

/**
 * The places of a pass, the input of its first step included and the end left out. Of places with only cheap maps in
 * between there is one: that whose tensor would be kept anyway, otherwise the last.
 */
export function placesOf(steps: readonly TracedStep[], keeps: Keeps): Place[] {
  const plan = planChains(steps, keeps);
  const anyway = ({ tensor }: Place) => {
    const { made = null, requests = [] } = plan.tensors.get(tensor) ?? {};
    return made === null && requests.length > 0;
  };
  const found: Place[] = [];
  let group: Place[] = [];
  const endGroup = () => {
    const chosen = group.find(anyway) ?? group.at(-1);
    if (chosen) found.push(chosen);
    group = [];
  };
  const narrow = narrowPlaces(steps);
  for (const [i, place] of narrow.entries()) {
    const before = narrow[i - 1];
    if (before && !steps.slice(before.after, place.after).every(cheap)) endGroup();
    group.push(place);
  }
  endGroup();
  return found;
}

const cheap = ({ op, inputs, output }: TracedStep): boolean =>
  op.recomputable !== undefined || inputs.includes(output);

function narrowPlaces(steps: readonly TracedStep[]): Place[] {
  /** The number of steps before a tensor is there. */
  const born = new Map<string, number>();
  const lastRead = new Map<string, number>();
  for (const [i, { inputs, output }] of steps.entries()) {
    for (const input of inputs) {
      // What no step put out comes from outside; the pass's own input does.
      if (!born.has(input)) born.set(input, i);
      lastRead.set(input, i);
    }
    if (!born.has(output)) born.set(output, i + 1);
  }
  const places: Place[] = [];
  for (let after = 0; after < steps.length; after++) {
    const live = [...born].filter(([name, since]) => since <= after && (lastRead.get(name) ?? -1) >= after);
    if (live.length !== 1) continue;
    const tensor = live[0]![0];
    // A step may put out the tensor that it reads, in another shape.
    if (places.at(-1)?.tensor === tensor) places.pop();
    places.push({ after, tensor });
  }
  return places;
}
