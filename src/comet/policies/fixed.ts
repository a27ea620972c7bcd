/** One bound for all sites. */
import { BoundError } from "../../error.js";
import { real } from "../../setting.js";
import { gradientSigma } from "../law.js";
import { alike, type Policy, policyKind } from "../policy.js";

export function fixed(bound: number): Policy {
  if (!(bound > 0 && Number.isFinite(bound))) {
    throw new BoundError({
      where: "settings.bound",
      expected: "a finite number above 0",
      got: String(bound),
      remedy: "give for example 1e-3",
    });
  }
  const initial = alike(bound);
  return { name: "fixed", initial, assign: (sites) => sites.map(() => initial), sigma: gradientSigma };
}

export const fixedKind = policyKind({
  name: "fixed",
  help: "one absolute bound for all layers",
  settings: {
    bound: real("a finite number above 0", (value) => value > 0 && Number.isFinite(value), "eb", {
      default: 1e-3,
      promise: true,
      help: "absolute error bound of policy fixed",
      example: { policy: "fixed", bound: 1e-3 },
    }),
  },
  create: ({ bound }) => fixed(bound),
});
