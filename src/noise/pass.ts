/**
 * Applies the ops' noise laws to a backward pass while it goes.
 *
 *   noise    of each site above, the part of its error's variance that has arrived in δ. An op is assumed to pass an
 *            error on as it passes on the gradient itself; errors from two sides add up in variance.
 *   errors   with a tracer: one draw of the error of δ. The backward pass is linear in δ, so an op passes an error on by
 *            its own backward; a site adds what its law says of the error of what it saved, at one standard deviation
 *            and with random signs. The square of what arrives at a gradient then has the predicted variance as mean.
 */
import type { Application, BackwardObserver, Visit } from "../engine/application.js";
import type { Tracer } from "../engine/controller.js";
import { deliver, type Flow, propagate } from "../engine/flow.js";
import { type Handle, tensorOf } from "../engine/handle.js";
import type { NoiseRun, Observation } from "../engine/noise.js";
import type { Parameter, Site } from "../engine/parameter.js";
import { type Engine, engineOf } from "../engine/tape.js";
import { type Node, Tensor } from "../engine/tensor.js";

/** Receives what the laws find; a controller does. */
export interface NoiseListener {
  /** Whether this step is one that collects. */
  readonly collecting: boolean;
  /** `noise`: of each site above, by name, the share of its error's variance that has arrived at this one. */
  record(site: Site, observation: Omit<Observation, "arrived">, noise: ReadonlyMap<string, number>): void;
}

/** The mean square of a tensor's values. */
export const meanSquare = ({ engine, data }: Tensor): number => engine.kernels.sumSquares(data) / data.length;

/** A site of an application that sends noise upstream, and the input whose gradient carries it. */
interface Sender {
  readonly site: string;
  readonly input: number;
}

export class NoisePass implements BackwardObserver {
  readonly #listener: NoiseListener;
  tracer: Tracer | null = null;
  readonly #noise = new Map<Node, Map<string, number>>();
  readonly #errors = new Map<Node, Tensor>();
  /** The mean square of what has arrived at a node from one application alone; null if others have sent to it too. */
  readonly #powers = new Map<Node, number | null>();

  constructor(listener: NoiseListener) {
    this.#listener = listener;
  }

  end(): void {
    for (const error of this.#errors.values()) error.dispose();
    this.#errors.clear();
    this.#noise.clear();
    this.#powers.clear();
  }

  visit(application: Application, dy: Tensor): Visit | null {
    const engine = engineOf(dy);
    if (!this.#listener.collecting) return null;
    this.#passError(engine, application);
    const power = this.#powers.get(application) ?? meanSquare(dy);
    this.#powers.delete(application);
    const shared = new Map<string, Handle>();
    const senders: Sender[] = [];
    const run = this.#run(engine, application, shared, senders);
    const watch = application.op.noise?.watch(run, dy, application.attributes) ?? null;
    return {
      rows: !watch?.parameter || watch.rows === true,
      parameter: (parameter, gradient) => watch?.parameter?.(parameter, gradient),
      inputs: (gradients, own) => {
        watch?.inputs(gradients);
        for (const handle of shared.values()) engine.store.drop(handle);
        gradients.forEach((gradient, input) => {
          const parent = application.parents[input];
          if (!gradient || !parent) return;
          const passed = own?.get(input) ?? meanSquare(gradient);
          this.#powers.set(parent, this.#powers.has(parent) ? null : passed);
          const gain = power > 0 ? passed / power : 0;
          const sent = senders.filter((sender) => sender.input === input).map(({ site }) => site);
          this.#passNoise(application, parent, gain, sent);
        });
        this.#noise.delete(application);
      },
    };
  }

  #noiseAt(node: Node): Map<string, number> {
    const noise = this.#noise.get(node) ?? new Map<string, number>();
    this.#noise.set(node, noise);
    return noise;
  }

  #passNoise(from: Node, to: Node, gain: number, senders: readonly string[]): void {
    const noise = this.#noiseAt(to);
    const add = (site: string, share: number) => noise.set(site, (noise.get(site) ?? 0) + share);
    for (const [site, share] of this.#noise.get(from) ?? []) add(site, share * gain);
    for (const site of senders) add(site, 1);
  }

  /** Sends the traced error of an application's δ to its inputs, before the gradient itself uses up what was saved. */
  #passError(engine: Engine, application: Application): void {
    const error = this.#errors.get(application);
    if (!error) return;
    this.#errors.delete(application);
    propagate(engine, application, error, this.#flow).forEach((passed, i) => {
      const parent = application.parents[i];
      if (passed && parent) deliver(this.#flow, parent, passed);
      else passed?.dispose();
    });
  }

  /** The errors of gradients, which flow as gradients do. */
  readonly #flow: Flow = {
    last: false,
    arrived: (node) => this.#errors.get(node) ?? null,
    arrive: (node, error) => {
      if (error === null) this.#errors.delete(node);
      else this.#errors.set(node, error);
    },
    accumulate: (parameter: Parameter, error: Tensor) => {
      this.tracer!.receive(parameter, error.data.slice());
      error.dispose();
    },
  };

  #run(engine: Engine, application: Application, shared: Map<string, Handle>, senders: Sender[]): NoiseRun {
    const { store } = engine;
    const { site, parents, handles } = application;
    /** The law has shares of its own, so that it can look before and after the op's backward takes a tensor. */
    const handle = (name: string): Handle => {
      const known = shared.get(name) ?? store.share(handles.get(name)!);
      shared.set(name, known);
      return known;
    };
    return {
      engine,
      site,
      empty: (shape) => Tensor.empty(engine, shape, site, "gradients"),
      look: (name) => store.look(handle(name)),
      parts: (name) => store.lookParts(handle(name)),
      bits: (name) => store.bits(handles.get(name)!),
      addends: (name) => tensorOf(handle(name)).addends,
      sensitivity: (name, first, count) => tensorOf(handle(name)).sensitivity(first, count),
      record: (name, observation, input = 0) => {
        const place = handles.get(name)!.site;
        this.#listener.record(place, observation, this.#noise.get(application) ?? new Map());
        if (observation.upstream) senders.push({ site: place.name, input });
      },
      draw: (name, input) => {
        if (!parents[input] || !this.tracer) return null;
        return this.tracer.draw(handles.get(name)!.site, tensorOf(handle(name)).origin);
      },
      send: (input, error) => deliver(this.#flow, parents[input]!, error),
      err: (parameter, error) => this.tracer!.add(parameter, error),
    };
  }
}
