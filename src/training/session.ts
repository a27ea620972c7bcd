/**
 * A session: everything that one training run holds, made from its settings. A library user may bring a network, a
 * store, a policy or an engine of one's own in place of what the settings name.
 */
import type { Policy } from "../comet/policy.js";
import type { Dataset } from "../data/dataset.js";
import type { KernelBuild, Profile } from "../device/kernel-module.js";
import { createEngine } from "../engine/engine.js";
import type { Store } from "../engine/store.js";
import type { Engine } from "../engine/tape.js";
import { UsageError } from "../error.js";
import type { Input } from "../models/input.js";
import { createModel, models } from "../models/models.js";
import { type Builder, build, type Init, type Module, name } from "../nn/index.js";
import type { StoreKind } from "../stores/kind.js";
import { storeNamed, stores } from "../stores/registry.js";
import { Average } from "./average.js";
import { type Schedule, Sgd } from "./optim.js";
import { checkRun, defaults, type Settings, scheduleOf } from "./settings.js";

export interface Session {
  /** With every setting filled in. */
  readonly settings: Settings;
  readonly dataset: Dataset;
  readonly engine: Engine;
  readonly model: Module;
  readonly optimizer: Sgd;
  readonly schedule: Schedule;
  /** Null without `settings.ema`. */
  readonly average: Average | null;
  /** Ends its threads. Its memory goes with the last reference to it. The data set is borrowed and stays open. */
  close(): Promise<void>;
}

/** What takes the place of what the settings name. */
export interface SessionParts {
  /**
   * A network of `nn` modules, made with `builder`, which takes N × channels × height × width values and gives N × classes
   * scores. `settings.model` then decides nothing.
   */
  network?: (builder: Builder, input: Input) => Module;
  /** A store that serves this session alone, or what makes one on the session's engine. */
  store?: Store | ((engine: Engine) => Store);
  /** A policy that chooses the bounds of `settings.store`, which is one of those that a policy can rule. */
  policy?: Policy;
  /** An engine, which stays open when the session closes. Its memory, threads and kernels are not those of the settings. */
  engine?: Engine;
}

/** The build of the kernels that computes as a profile says. */
const builds: Readonly<Record<Profile, KernelBuild>> = { strict: "release", fused: "fused" };

/**
 * Makes a session. Settings that are left out have their defaults; the learning rate that of the network, if it is a
 * known one. Every session has a device and threads of its own, so several may be open at once. Close each. Throws a
 * UsageError for settings or parts that make no sense, a MemoryError if the weights do not fit.
 */
export function createSession(given: Partial<Settings>, dataset: Dataset, parts: SessionParts = {}): Session {
  const { network, engine: own } = parts;
  const named = { ...defaults, ...given };
  const settings = { ...named, lr: given.lr ?? models[named.model]?.lr ?? defaults.lr };
  checkRun(settings);
  const schedule = scheduleOf(settings);
  const { memory, threads, profile } = settings;
  const engine = own ?? createEngine({ memory, threads, build: builds[profile] });
  const close = async () => {
    engine.store.close();
    if (!own) await engine.close();
  };
  try {
    const { channels, height, width, classes } = dataset;
    const input = { channels, height, width, classes: classes.length };
    // A manifest from before there was a choice has none.
    const init = (settings.init ?? "own") === "own" ? null : (settings.init as Init);
    const builder = build(engine, settings.seed, init);
    const model = network ? name(network(builder, input)) : createModel(settings.model, builder, input);
    const optimizer = new Sgd(engine, model.allParameters(), settings);
    const average = settings.ema > 0 ? new Average(engine, model, settings.ema) : null;
    engine.store = storeFor(engine, settings, parts);
    engine.observer = engine.store.controller?.observer ?? null;
    return { settings, dataset, engine, model, optimizer, schedule, average, close };
  } catch (cause) {
    // No caller could end its threads.
    void close();
    throw cause;
  }
}

function storeFor(engine: Engine, settings: Settings, { store, policy }: SessionParts): Store {
  const kind = storeNamed(settings.store)!;
  engine.device.advice = kind.lighter ?? "settings.store comet";
  if (!policy) {
    if (typeof store === "function") return store(engine);
    return store ?? kind.create(engine, settings);
  }
  if (store || !kind.withPolicy) {
    throw new UsageError({
      where: "createSession, policy",
      expected: `settings.store ${policyStores.join(" or ")}, whose bounds a policy chooses`,
      got: store ? "a store of your own as well" : `settings.store ${kind.name}`,
      remedy: "leave the policy out, or choose one of these stores",
    });
  }
  return kind.withPolicy(engine, settings, policy);
}

const policyStores = (stores as readonly StoreKind[])
  .filter(({ withPolicy }) => withPolicy)
  .map(({ name }) => name);
