/**
 * ActNN (Chen et al., ICML 2021): 1 to 8 bits a value, each image cut into groups of 256 values that share a range,
 * rounded stochastically. Levels, as its repository numbers them:
 *
 *   L1   fixed bits for what convolutions and linear layers save; what batch normalisation saves stays float32
 *   L2   fixed bits for all
 *   L3   bits by image and by layer, so that the variance of the gradients is least for an average number of bits
 *
 * The repository keeps ranges as bfloat16 and decodes with the rounded numbers, but encodes with the unrounded ones, so
 * that the method as published is biased; `actnnUnbiased` encodes with what is kept.
 */
import type { Packed } from "../engine/packed.js";
import { UsageError } from "../error.js";
import { flag, real, type SettingsOf, word } from "../setting.js";
import { ActnnController } from "./actnn-bits.js";
import { GroupFrame } from "./group-frame.js";
import { storeKind } from "./kind.js";
import { LossyStore, type Subject } from "./lossy.js";

const group = 256;

export const actnnSettings = {
  actnnLevel: word(["L1", "L2", "L3"], {
    default: "L3",
    help: "ActNN's level: L1, fixed bits for convolutions and linear layers; L2, for all; L3, adaptive",
    example: { store: "actnn", actnnLevel: "L2" },
  }),
  actnnBits: real("0, or a number from 1 to 8, a whole one for L1 and L2", bitsAllowed, "b", {
    default: 0,
    help: "ActNN's bits a value, for L3 on average; 0 for what the level was published with: 4, 4 and 2",
    example: { store: "actnn", actnnBits: 3 },
  }),
  actnnUnbiased: flag({
    default: false,
    help: "ActNN encodes with its ranges as they are kept: without the bias of the published method",
    example: { store: "actnn", actnnUnbiased: true },
  }),
};

function bitsAllowed(bits: number): boolean {
  return bits === 0 || (bits >= 1 && bits <= 8);
}

type ActnnSettings = SettingsOf<typeof actnnSettings>;

const bitsOf = ({ actnnBits, actnnLevel }: ActnnSettings): number =>
  actnnBits === 0 ? (actnnLevel === "L3" ? 2 : 4) : actnnBits;

export class ActnnStore extends LossyStore {
  readonly name = "actnn";
  override readonly random = true;
  override readonly controller: ActnnController | null;
  readonly #settings: ActnnSettings;

  constructor(settings: ActnnSettings) {
    super();
    const bits = bitsOf(settings);
    if (settings.actnnLevel !== "L3" && !Number.isInteger(bits)) {
      throw new UsageError({
        where: "settings.actnnBits",
        expected: `a whole number from 1 to 8 for level ${settings.actnnLevel}`,
        got: String(bits),
        remedy: "give a whole number, or choose level L3, whose bits are an average",
      });
    }
    this.#settings = settings;
    this.controller = settings.actnnLevel === "L3" ? new ActnnController(bits) : null;
  }

  encode({ x, requests, name, seed }: Subject): Packed | null {
    const { actnnLevel, actnnUnbiased } = this.#settings;
    const norm = requests.every(({ site }) => site.op === "batchNorm2d");
    if (norm && actnnLevel === "L1") return null;
    const bits = this.controller?.bitsOf(x, requests, name) ?? fixed(x.shape[0]!, bitsOf(this.#settings));
    return new GroupFrame(x, name, { group, range: actnnUnbiased ? "enclosing" : "rounded", bits, seed });
  }
}

const fixed = (images: number, bits: number): Uint8Array => new Uint8Array(images).fill(bits);

export const actnn = storeKind({
  name: "actnn",
  help: "ActNN: few bits a value, rounded stochastically, by groups of 256",
  settings: actnnSettings,
  label: (settings) =>
    `ActNN ${settings.actnnLevel}, ${bitsOf(settings)} bits${settings.actnnUnbiased ? ", unbiased" : ""}`,
  slug: (settings) =>
    `actnn-${settings.actnnLevel}-${bitsOf(settings)}${settings.actnnUnbiased ? "-unbiased" : ""}`,
  knob: ({ actnnLevel }) =>
    actnnLevel === "L3"
      ? { setting: "actnnBits", direction: "falls", least: 1, most: 8 }
      : { setting: "actnnBits", values: [8, 7, 6, 5, 4, 3, 2, 1] },
  create: (_engine, settings) => new ActnnStore(settings),
});
