/** `comet` and `comet-conv`: COMET, for all that ops save, or for inputs of convolutions and linear layers alone. */
import { modes, quantizers } from "../comet/coding.js";
import { Controller } from "../comet/controller.js";
import { deviceCodec } from "../comet/device-codec.js";
import { policies } from "../comet/policies/registry.js";
import type { Policy, PolicyKind } from "../comet/policy.js";
import { CometStore } from "../comet/store.js";
import type { Engine } from "../engine/tape.js";
import { flag, mergeTables, real, type SettingsOf, whole, word } from "../setting.js";
import { type Knob, storeKind } from "./kind.js";
import { chooserOf, readsRecompute, recomputeSettings } from "./recompute/settings.js";

type PolicyName = (typeof policies)[number]["name"];
const names: readonly PolicyName[] = policies.map(({ name }) => name);

/** The settings of all policies, each under its own name. */
const ofPolicies = mergeTables(policies.map(({ settings }) => settings));

export const cometSettings = {
  policy: word(names, {
    default: "law",
    promise: true,
    help: `how bounds are chosen: ${policies.map(({ name, help }) => `${name}, ${help}`).join("; ")}`,
    example: { policy: "spread" },
  }),
  ...ofPolicies,
  fit: flag({
    default: false,
    promise: true,
    help: "loosen the bounds of policy law, with as little more noise as can be, where a step would not fit the memory",
    example: { fit: true },
  }),
  share: real("a finite number above 0", (value) => value > 0 && Number.isFinite(value), "s", {
    default: 0.01,
    help: "accepted gradient σ as a share of the mean |momentum|",
    example: { share: 0.01 },
  }),
  every: whole(1, "W", {
    default: 10,
    help: "steps from one collection of statistics to the next",
    example: { every: 20 },
  }),
  quantizer: word(quantizers, {
    default: "dithered",
    help: "how values become integers: see docs/format.md",
    example: { quantizer: "support" },
  }),
  mode: word(modes, {
    default: "auto",
    help: "the codec's mode: fast, dense, or for each tensor the one that pays",
    example: { mode: "dense" },
  }),
  ...recomputeSettings,
};

type CometSettings = SettingsOf<typeof cometSettings>;

const kindOf = (policy: string): PolicyKind => policies.find(({ name }) => name === policy)! as PolicyKind;

/** The policy that the settings name. */
export function policyOf(settings: CometSettings): Policy {
  const policy = kindOf(settings.policy).create(settings);
  return settings.fit ? { ...policy, limits: "memory" } : policy;
}

/**
 * A frame takes about a tenth of its values' bytes, and an entry gets a quarter of the bounds of what will be computed again
 * from it: docs/rivals.md, "COMET with recomputation", has what this gives.
 */
const lossy = { keptShare: 1 / 10, entryShare: 1 / 4 };

/** A setting that belongs to one policy is read under that policy only. */
const readsSetting = (name: string, given: CometSettings): boolean => {
  if (name === "fit") return given.policy === "law";
  if (Object.hasOwn(recomputeSettings, name)) {
    // Under the quantiser `paper` nothing is made from others. A policy that plans all bounds together knows no segments.
    return given.quantizer !== "paper" && !policyOf(given).limits && readsRecompute(name, given);
  }
  return !Object.hasOwn(ofPolicies, name) || Object.hasOwn(kindOf(given.policy).settings, name);
};

const slugOf =
  (store: string) =>
  ({ policy }: CometSettings): string =>
    `${store}-${policy}`;

/** The accepted noise; under the policy `fixed` the bound itself. Under `budget` the bytes are given. */
function knobOf({ policy }: CometSettings): Knob<"bound" | "share"> | null {
  if (policy === "budget") return null;
  if (policy === "fixed") return { setting: "bound", direction: "rises", least: 1e-8, most: 100 };
  // Far above 1 the momentum, of which it is a share, is itself noise, and the bounds grow without end.
  return { setting: "share", direction: "rises", least: 1e-6, most: 1 };
}

/** COMET's store, under the policy that the settings name or under one of the caller's own. */
export function cometStore(
  engine: Engine,
  settings: CometSettings,
  { convOnly = false, policy = policyOf(settings) }: { convOnly?: boolean; policy?: Policy } = {},
): CometStore {
  const { every, share, quantizer, mode } = settings;
  const controller = new Controller({ policy, every, share });
  const segments = convOnly ? null : chooserOf(settings, lossy);
  return new CometStore(deviceCodec(engine), controller, { quantizer, mode, convOnly, segments });
}

export const comet = storeKind({
  name: "comet",
  help: "COMET for all that ops save",
  settings: cometSettings,
  lighter: "settings.fit, settings.mode dense, or a larger settings.share",
  label: ({ policy, recompute }) =>
    `COMET, ${policy}${recompute === "cheap" ? "" : `, recompute ${recompute}`}`,
  slug: (given) =>
    `${slugOf("comet")(given)}${given.recompute === "cheap" ? "" : `-recompute-${given.recompute}`}`,
  reads: readsSetting,
  knob: knobOf,
  create: (engine, settings) => cometStore(engine, settings),
  withPolicy: (engine, settings, policy) => cometStore(engine, settings, { policy }),
});

export const cometConv = storeKind({
  name: "comet-conv",
  help: "COMET for inputs of convolutions and linear layers alone, as in the paper",
  settings: cometSettings,
  lighter: "settings.store comet",
  label: ({ policy }) => `COMET (conv), ${policy}`,
  slug: slugOf("comet-conv"),
  reads: (name, given) => !Object.hasOwn(recomputeSettings, name) && readsSetting(name, given),
  knob: knobOf,
  create: (engine, settings) => cometStore(engine, settings, { convOnly: true }),
  withPolicy: (engine, settings, policy) => cometStore(engine, settings, { convOnly: true, policy }),
});
