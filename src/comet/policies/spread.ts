/** As much noise in all as the law accepts, in the fewest bytes. A tensor that is not planned yet has the law's bound. */
import { type Policy, policyKind } from "../policy.js";
import { law } from "./law.js";

export const spread: Policy = { ...law, name: "spread", limits: "noise" };

export const spreadKind = policyKind({
  name: "spread",
  help: "the law's total noise in the fewest bytes",
  settings: {},
  create: () => spread,
});
