/** A checkpoint's state.json, in the words of stringifyExactly: all that the rest of a run depends on but its tensors. */
import type { Curve } from "../comet/budget/allocation.js";
import type { Claim, PlannedTensor, SavedPlan } from "../comet/budget/plan.js";
import type { SavedSite } from "../comet/controller.js";
import type { Bounds } from "../comet/policy.js";
import { DataError } from "../error.js";
import { parseExactly } from "../files/exact.js";
import * as is from "../files/shape.js";
import type { Observation, Upstream } from "../noise/observation.js";
import type { Position } from "../training/loop.js";
import type { Settings } from "../training/session.js";
import type { Mark } from "./log.js";
import { settingsShape } from "./manifest.js";

/** Of the run, beyond what the session holds. */
export interface RunState {
  position: Position;
  /** metrics.jsonl up to here. */
  log: Mark;
  /** Damaged images left out so far. */
  skipped: readonly string[];
  /** Spent so far, over all processes that had a part in the run. */
  seconds: number;
  residentPeakBytes: number;
}

/** Raised when a reader of today could not understand state.json. */
export const stateVersion = 1;

/** What state.json holds. */
export interface State extends RunState {
  version: typeof stateVersion;
  settings: Settings;
  /** What the controller knows; null for a plain run. */
  sites: SavedSite[] | null;
  /** Of policies spread and budget. */
  plan: SavedPlan | null;
  meanGradient: [parameter: string, mean: number][];
}

const observation = is.object<Observation>({
  energy: is.floats,
  signal: is.anyNumber,
  meanLoss: is.anyNumber,
  nonZero: is.anyNumber,
  batch: is.anyNumber,
  received: is.anyNumber,
  arrived: is.anyNumber,
  upstream: is.nullable(
    is.object<Upstream>({ noise: is.anyNumber, gated: is.anyNumber, signal: is.anyNumber }),
  ),
});

const site = is.object<SavedSite>({
  site: is.object<SavedSite["site"]>({ name: is.text, op: is.text, parameter: is.nullable(is.text) }),
  observation: is.nullable(observation),
  acceptedSigma: is.anyNumber,
  acceptedUpstream: is.anyNumber,
  bounds: is.nullable(is.object<Bounds>({ bound: is.anyNumber, gated: is.anyNumber })),
  applied: is.anyNumber,
  gatedVariance: is.anyNumber,
});

const corners = is.list(
  is.object<Curve[number]>({ bound: is.anyNumber, bytes: is.anyNumber, saving: is.anyNumber }),
);

const curve: is.Shape<Curve> = {
  find: (value) =>
    Array.isArray(value) && value.length === 0
      ? { place: "", expected: "at least one corner", got: value }
      : corners.find(value),
};

const planned = is.object<PlannedTensor>({
  name: is.text,
  claims: is.list(
    is.object<Claim>({ site: is.text, share: is.anyNumber, below: is.oneOf("bound", "gated", "none") }),
  ),
  curve,
  correction: is.anyNumber,
  noise: is.anyNumber,
  slack: is.anyNumber,
  bound: is.nullable(is.anyNumber),
});

const stateShape = is.object<State>({
  version: is.oneOf(1),
  position: is.object<Position>({ epoch: is.count, batch: is.count }),
  log: is.object<Mark>({ bytes: is.count, sha256: is.text }),
  skipped: is.list(is.text),
  seconds: is.number,
  residentPeakBytes: is.count,
  settings: settingsShape,
  sites: is.nullable(is.list(site)),
  plan: is.nullable(
    is.object<SavedPlan>({
      savedBytes: is.anyNumber,
      images: is.anyNumber,
      fixedBytes: is.anyNumber,
      lawNoise: is.anyNumber,
      layers: is.anyNumber,
      tensors: is.list(planned),
    }),
  ),
  meanGradient: is.list(is.pair(is.text, is.anyNumber)),
});

/** `where` names the file. A DataError for what is no state, or one of another version. */
export function parseState(text: string, where: string): State {
  const value = parseExactly(text, where);
  const version = is.isRecord(value) ? value.version : undefined;
  if (version !== undefined && version !== stateVersion) {
    throw new DataError({
      where,
      expected: `version ${stateVersion}`,
      got: is.shown(version),
      remedy: "use the comet-ts that wrote it",
    });
  }
  return is.check(value, stateShape, where, "remove the checkpoint");
}
