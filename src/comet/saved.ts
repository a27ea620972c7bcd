/** What a controller knows, as a checkpoint holds it, and the check of what is read from one. */

import type { Observation, Upstream } from "../engine/noise.js";
import type { Site } from "../engine/parameter.js";
import * as is from "../files/shape.js";
import type { Curve } from "./budget/allocation.js";
import type { SavedPlan } from "./budget/state.js";
import type { PlannedTensor, SiteShare } from "./budget/tensor.js";
import type { Bounds, SiteState } from "./policy.js";

/** What is known of a site, with the name of its parameter: plain data, and Float32Arrays. */
export type SavedSite = Omit<SiteState, "site" | "arrivals"> & {
  site: Omit<Site, "parameter"> & { parameter: string | null };
};

/** All that is known: plain data, and Float32Arrays. */
export interface SavedController {
  sites: readonly SavedSite[];
  /** For policies that limit all tensors together. */
  plan: SavedPlan | null;
}

const observation = is.object<Observation>({
  energy: is.floats,
  signal: is.anyNumber,
  meanLoss: is.anyNumber,
  nonZero: is.anyNumber,
  batch: is.anyNumber,
  deltaGain: is.anyNumber,
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

const tensor = is.object<PlannedTensor>(
  {
    name: is.text,
    shares: is.list(
      is.object<SiteShare>({ site: is.text, share: is.anyNumber, below: is.oneOf("bound", "gated", "none") }),
    ),
    curve,
    correction: is.anyNumber,
    noise: is.anyNumber,
    slack: is.anyNumber,
    bound: is.nullable(is.anyNumber),
    lawBound: is.nullable(is.anyNumber),
  },
  ["lawBound"],
);

const shape = is.object<SavedController>({
  sites: is.list(site),
  plan: is.nullable(
    is.object<SavedPlan>({
      savedBytes: is.anyNumber,
      images: is.anyNumber,
      fixedBytes: is.anyNumber,
      lawNoise: is.anyNumber,
      layers: is.anyNumber,
      tensors: is.list(tensor),
    }),
  ),
});

/** Throws a DataError unless the state of another controller holds all that is needed. */
export const checkSaved = (state: unknown): SavedController =>
  is.check(state, shape, "state.json: store", "remove the checkpoint");
