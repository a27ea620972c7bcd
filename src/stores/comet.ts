/** `comet` and `comet-conv`: COMET, for all that ops save, or for inputs of convolutions and linear layers alone. */
import { modes, quantizers } from "../comet/coding.js";
import { Controller } from "../comet/controller.js";
import { deviceCodec } from "../comet/device-codec.js";
import { policies } from "../comet/policies/registry.js";
import type { Policy, PolicyKind } from "../comet/policy.js";
import { CometStore } from "../comet/store.js";
import type { Engine } from "../engine/tape.js";
import { mergeTables, real, type SettingsOf, whole, word } from "../setting.js";
import { type Knob, storeKind } from "./kind.js";

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
};

type CometSettings = SettingsOf<typeof cometSettings>;

const kindOf = (policy: string): PolicyKind => policies.find(({ name }) => name === policy)! as PolicyKind;

/** The policy that the settings name. */
export const policyOf = (settings: CometSettings): Policy => kindOf(settings.policy).create(settings);

/** A setting that belongs to one policy is read under that policy only. */
const readsSetting = (name: string, { policy }: CometSettings): boolean =>
  !Object.hasOwn(ofPolicies, name) || Object.hasOwn(kindOf(policy).settings, name);

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
  return new CometStore(deviceCodec(engine), controller, { quantizer, mode, convOnly });
}

export const comet = storeKind({
  name: "comet",
  help: "COMET for all that ops save",
  settings: cometSettings,
  lighter: "settings.mode dense, or a larger settings.share",
  label: ({ policy }) => `COMET, ${policy}`,
  slug: slugOf("comet"),
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
  reads: readsSetting,
  knob: knobOf,
  create: (engine, settings) => cometStore(engine, settings, { convOnly: true }),
  withPolicy: (engine, settings, policy) => cometStore(engine, settings, { convOnly: true, policy }),
});
