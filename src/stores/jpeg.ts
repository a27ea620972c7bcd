/**
 * `jpeg-act` and `jpeg-base`: what a batch normalisation saves goes through JPEG's cosine transform, other tensors become
 * 8-bit integers, and a tensor of which only the support is needed becomes one bit an element. Forward is exact, as under
 * every store. Source: JPEG-ACT (ISCA 2020) by the authors' code, rdevans0/jpeg_act; docs/rivals.md has what differs.
 *
 * A ReLU's mask follows from the decoded values, as in the method: a small value that comes back as 0 lets no δ through.
 */
import { Mask } from "../comet/mask.js";
import type { StoreController } from "../engine/controller.js";
import { type Packed, Raw, type SaveRequest } from "../engine/packed.js";
import { Store } from "../engine/store.js";
import type { Tensor } from "../engine/tensor.js";
import { type SettingsOf, whole, word } from "../setting.js";
import type { Coding } from "./jpeg/coding.js";
import { JpegFrames } from "./jpeg/frames.js";
import { optH, optL, tableOfQuality } from "./jpeg/tables.js";
import { storeKind } from "./kind.js";

export const jpegSettings = {
  jpegTable: word(["schedule", "optL", "optH", "standard"], {
    default: "schedule",
    help: "how coefficients are divided: optL and later optH, one of these, or JPEG's own table",
    example: { jpegTable: "optH" },
  }),
  jpegSteps: whole(0, "n", {
    default: 3910,
    help: "steps under optL before optH; ten epochs of CIFAR-10 in batches of 128",
    example: { jpegTable: "schedule", jpegSteps: 1000 },
  }),
  jpegQuality: {
    ...whole(1, "q", {
      default: 80,
      help: "the quality of JPEG's own table, from 1 to 100",
      example: { jpegTable: "standard", jpegQuality: 90 },
    }),
    expected: "a whole number from 1 to 100",
    accepts: (value: unknown) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 100,
  },
};

export type JpegSettings = SettingsOf<typeof jpegSettings>;

/** The shortest side of an image that is transformed. */
const blockSide = 8;

export class JpegStore extends Store {
  readonly name: string;
  override readonly controller: StoreController;
  readonly #coding: Coding["name"];
  #table: readonly number[];

  constructor(name: string, coding: Coding["name"], { jpegTable, jpegSteps, jpegQuality }: JpegSettings) {
    super();
    this.name = name;
    this.#coding = coding;
    const tables = { schedule: optL, optL, optH, standard: tableOfQuality(jpegQuality) };
    this.#table = tables[jpegTable];
    this.controller = {
      begin: (step) => {
        if (jpegTable === "schedule") this.#table = step < jpegSteps ? optL : optH;
      },
    };
  }

  pack(x: Tensor, requests: readonly SaveRequest[]): Packed {
    const values = requests.filter(({ need }) => need === "value");
    if (requests.some(({ need }) => need === "exact") || x.shape.length < 2) return new Raw(x.ref);
    const { site } = values[0] ?? requests[0]!;
    if (values.length === 0) return new Mask(x, site.name);
    const table = isTransformed(x.shape, requests) ? this.#table : null;
    return JpegFrames.pack(x, site.name, { table, coding: this.#coding }) ?? new Raw(x.ref);
  }
}

/** What a batch normalisation saves, unless a ReLU made it, in square images of at least one block. */
function isTransformed([, , H = 0, W = 0]: readonly number[], requests: readonly SaveRequest[]): boolean {
  const normalized = requests.some(({ site }) => site.op === "batchNorm2d");
  const rectified = requests.some(({ need }) => need === "support");
  return normalized && !rectified && H === W && W >= blockSide;
}

const reads = (name: string, { jpegTable }: JpegSettings): boolean => {
  if (name === "jpegSteps") return jpegTable === "schedule";
  return name !== "jpegQuality" || jpegTable === "standard";
};

export const jpegAct = storeKind({
  name: "jpeg-act",
  help: "JPEG-ACT: cosine transform and zero-value coding",
  settings: jpegSettings,
  label: ({ jpegTable }) => `JPEG-ACT, ${jpegTable}`,
  reads,
  knob: () => ({ setting: "jpegTable", values: ["optL", "optH"] }),
  create: (_engine, settings) => new JpegStore("jpeg-act", "zvc", settings),
});

export const jpegBase = storeKind({
  name: "jpeg-base",
  help: "the same with JPEG's run-length and Huffman coding",
  settings: jpegSettings,
  label: ({ jpegTable }) => `JPEG-BASE, ${jpegTable}`,
  reads,
  knob: () => ({ setting: "jpegTable", values: ["optL", "optH"] }),
  create: (_engine, settings) => new JpegStore("jpeg-base", "huffman", settings),
});
