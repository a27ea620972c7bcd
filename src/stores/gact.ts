/**
 * GACT (Liu et al., ICML 2022): every saved tensor of 2 to 4 axes, whatever the op, in 8, 4, 2 or 1 bits a value or as it
 * is, rounded stochastically. Groups of 256 are counted through the whole tensor; ranges are float32. The op decides
 * nothing: of a ReLU's output the values are kept and no mask, and its backward asks which of the decoded values are not 0.
 * How many bits a tensor gets follows from its sensitivity, which is measured (gact-bits.ts).
 *
 * Two ops that save the same tensor share one encoding here. The repository has that as an option, which is off;
 * `gactUnshared` keeps one encoding for each op. The repository leaves out tensors without a gradient, such
 * as the image; a store cannot tell them apart, so they are encoded too. What an op needs exactly stays as it is.
 */
import { type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { deriveSeed } from "../rng.js";
import { flag, real, type SettingsOf, whole } from "../setting.js";
import { GactController } from "./gact-bits.js";
import { GroupFrame } from "./group-frame.js";
import { storeKind } from "./kind.js";

const gactSettings = {
  gactBits: real("a number from 1 to 8", (bits) => bits >= 1 && bits <= 8, "b", {
    default: 4,
    help: "GACT's bits a value on average",
    example: { store: "gact", gactBits: 3 },
  }),
  gactEvery: whole(0, "n", {
    default: 1000,
    help: "steps from one measurement of GACT's sensitivities to the next; 0: the same bits for all",
    example: { store: "gact", gactEvery: 500 },
  }),
  gactUnshared: flag({
    default: false,
    help: "GACT keeps an encoding of a tensor for each op that saves it",
    example: { store: "gact", gactUnshared: true },
  }),
};

type GactSettings = SettingsOf<typeof gactSettings>;

export class GactStore extends Store {
  readonly name = "gact";
  override readonly random = true;
  override readonly controller: GactController;
  readonly #unshared: boolean;

  constructor({ gactBits, gactEvery, gactUnshared }: GactSettings) {
    super();
    this.controller = new GactController(gactBits, gactEvery);
    this.#unshared = gactUnshared;
  }

  pack(x: Tensor, requests: readonly SaveRequest[]): Packed {
    const exact = requests.some(({ need }) => need === "exact");
    if (exact || x.shape.length < 2) return new Raw(x.ref);
    const name = requests.map(({ site }) => site.name).join("+");
    const { bits, salt } = this.controller.bitsOf(name, x.size);
    if (bits === 32) return new Raw(x.ref);
    const frame = (copy: number) => {
      const seed = deriveSeed(x.engine.stepSeed, `${name}/${this.draw}/${salt}/${copy}`);
      return new GroupFrame(x, name, { group: 256, range: "exact", bits, seed });
    };
    if (!this.#unshared || requests.length === 1) return frame(0);
    return new Copies(requests.map((_, i) => frame(i)));
  }
}

/** One encoding for each op. One serves all values, and another one all questions for the support. */
class Copies implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #frames: readonly GroupFrame[];

  constructor(frames: readonly GroupFrame[]) {
    this.#frames = frames;
    this.images = frames[0]!.images;
    this.bytes = frames.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  range(first: number, count: number): Tensor {
    return this.#frames[0]!.range(first, count);
  }

  gate(dy: Tensor): Tensor {
    const values = dy.data;
    const y = this.#frames[1]!.range(0, dy.shape[0]!);
    const dx = dy.recycle("gate");
    dx.engine.kernels.reluBackward(dx.data, values, y.data);
    y.dispose();
    return dx;
  }

  free(): void {
    for (const frame of this.#frames) frame.free();
  }
}

export const gact = storeKind({
  name: "gact",
  help: "GACT: bits by measured sensitivity, for all that ops save",
  settings: gactSettings,
  label: ({ gactBits, gactUnshared }) => `GACT, ${gactBits} bits${gactUnshared ? ", not shared" : ""}`,
  slug: ({ gactBits, gactUnshared }) => `gact-${gactBits}${gactUnshared ? "-unshared" : ""}`,
  knob: () => ({ setting: "gactBits", direction: "falls", least: 1, most: 8 }),
  create: (_engine, settings) => new GactStore(settings),
});
