/**
 * `offload`: saved tensors wait outside the device, with the same bits as under the plain store. Source: vDNN (MICRO 2016),
 * whose choices "all" and "conv" these are, as recalled; docs/rivals.md has what differs. Combined with COMET, the link
 * carries COMET's frames in place of values.
 */
import type { StoreController } from "../engine/controller.js";
import type { Packed, SaveRequest, Signs } from "../engine/packed.js";
import type { ChooseSegments } from "../engine/plan.js";
import type { SavedTensor } from "../engine/saved.js";
import { PlainStore, Store, type Transfers } from "../engine/store.js";
import type { Engine } from "../engine/tape.js";
import type { Tensor } from "../engine/tensor.js";
import { real, type SettingsOf, text, word } from "../setting.js";
import { comet, cometSettings, cometStore } from "./comet.js";
import { storeKind } from "./kind.js";
import { Blocks, MovedValues, movedFrames, Values } from "./offload/bodies.js";
import { type Host, HostFile, HostMemory } from "./offload/host.js";
import { type Body, Shuttle } from "./offload/shuttle.js";

export const offloadSettings = {
  offloadSites: word(["all", "conv"], {
    default: "all",
    help: "what leaves the device: all feature maps, or inputs of convolutions alone",
    example: { offloadSites: "conv" },
  }),
  offloadTo: word(["memory", "file"], {
    default: "memory",
    help: "where it waits: in the program's memory, or in a file",
    example: { offloadTo: "file" },
  }),
  offloadFolder: text("folder", {
    default: "",
    help: "where the file is made; by default among the system's temporary files",
    example: { offloadTo: "file", offloadFolder: "/var/tmp" },
  }),
  offloadCarries: word(["values", "comet"], {
    default: "values",
    help: "what the link carries: values as they are, or COMET's frames",
    example: { offloadCarries: "comet" },
  }),
  linkRate: real("a finite number above 0", (rate) => rate > 0 && Number.isFinite(rate), "MB/s", {
    default: 69,
    help: "the modelled link's megabytes a second; 69 is to 33 GFLOP/s as PCIe is to a Titan X",
    example: { linkRate: 138 },
  }),
};

const settings = { ...offloadSettings, ...cometSettings };

type OffloadSettings = SettingsOf<typeof settings>;

export class OffloadStore extends Store {
  readonly name = "offload";
  override readonly keeps;
  override readonly segments: ChooseSegments | null;
  override readonly controller: StoreController | null;
  override readonly random: boolean;
  readonly #inner: Store;
  readonly #host: Host;
  readonly #shuttle: Shuttle;
  readonly #convOnly: boolean;

  /** `inner` packs; what it makes of a tensor waits at `host`. */
  constructor(
    inner: Store,
    host: Host,
    { offloadSites, linkRate }: Pick<OffloadSettings, "offloadSites" | "linkRate">,
  ) {
    super();
    this.#inner = inner;
    this.#host = host;
    this.#shuttle = new Shuttle(host, linkRate * 1000);
    this.#convOnly = offloadSites === "conv";
    this.keeps = inner.keeps;
    this.segments = inner.segments;
    this.controller = inner.controller;
    this.random = inner.random;
  }

  pack(x: Tensor, requests: readonly SaveRequest[], gated: boolean): Packed {
    this.#inner.draw = this.draw;
    const packed = this.#inner.pack(x, requests, gated);
    if (!this.#moves(x, requests)) return packed;
    if (packed.kind === "raw") {
      packed.free();
      const values = new Values(x.ref);
      return new MovedValues(values, ...this.#ticket(values));
    }
    const { blocks } = packed;
    if (!blocks) return packed;
    return movedFrames(packed, ...this.#ticket(new Blocks(x.engine.device, blocks)));
  }

  override signsOf(saved: SavedTensor): Signs | null {
    return this.#inner.signsOf(saved);
  }

  /** Feature maps have a batch of at least two dimensions more, or feed a linear layer. */
  #moves({ shape }: Tensor, requests: readonly SaveRequest[]): boolean {
    if (this.#convOnly) return requests.some(({ site }) => site.op === "conv2d");
    return shape.length > 2 || requests.some(({ need }) => need === "value");
  }

  #ticket(body: Body): [need: () => void, gone: () => void] {
    const passenger = this.#shuttle.add(body);
    return [() => this.#shuttle.need(passenger), () => this.#shuttle.remove(passenger)];
  }

  override transfers(): Transfers {
    return this.#shuttle.transfers();
  }

  override close(): void {
    this.#host.close();
  }
}

const create = (engine: Engine, given: OffloadSettings): OffloadStore => {
  const inner = given.offloadCarries === "comet" ? cometStore(engine, given) : new PlainStore();
  const host = given.offloadTo === "file" ? new HostFile(given.offloadFolder) : new HostMemory();
  return new OffloadStore(inner, host, given);
};

export const offload = storeKind({
  name: "offload",
  help: "saved tensors wait outside the device, with the same bits",
  settings,
  label: ({ offloadSites, offloadCarries }) =>
    `offload, ${offloadSites}${offloadCarries === "comet" ? ", COMET's frames" : ""}`,
  reads(name, given) {
    if (name === "offloadFolder") return given.offloadTo === "file";
    if (Object.hasOwn(offloadSettings, name)) return true;
    return given.offloadCarries === "comet" && comet.reads!(name, given);
  },
  create,
});
