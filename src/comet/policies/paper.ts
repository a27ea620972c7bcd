/** The paper's own form with its fitted constant, as recalled. */
import { paperBound, paperSigma } from "../law.js";
import { alike, type Policy, policyKind } from "../policy.js";

export const paper: Policy = {
  name: "paper",
  initial: null,
  assign: (sites) =>
    sites.map(
      ({ acceptedSigma, observation }) => observation && alike(paperBound(acceptedSigma, observation)),
    ),
  sigma: paperSigma,
};

export const paperKind = policyKind({
  name: "paper",
  help: "each layer's bound by the paper's fitted form, as recalled",
  settings: {},
  create: () => paper,
});
