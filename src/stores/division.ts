/**
 * DIVISION (Wang et al., ICML 2023): a low-frequency part L, the means of blocks of 8 × 8 values as bfloat16, and what is
 * left of x, in 2 bits a value, rounded stochastically, with one range for each plane:
 *
 *   L = average pool, block k × k with k = min(8, H), no padding    r = x − up(L)    x̂ = up(L) + r̂
 *
 * up takes for row i the mean number ⌊i·P/H⌋ of the P block rows, columns alike. So where k does not divide H, the last
 * rows have no block of their own, and blocks lie beside the values to which they are added: at 14 × 14 there is one
 * mean, of the upper left 8 × 8 values. The rounding of L itself is no error, since r is taken from the rounded L. What
 * has no rows and columns, or one of each, stays as it is.
 */
import type { Block } from "../device/device.js";
import type { Packed } from "../engine/packed.js";
import { type Machine, Tensor } from "../engine/tensor.js";
import type { PoolShape } from "../kernels/kernels.js";
import { rounded } from "../kernels/reference/group-range.js";
import { type SettingsOf, whole } from "../setting.js";
import { GroupFrame } from "./group-frame.js";
import { storeKind } from "./kind.js";
import { LossyStore, type Subject } from "./lossy.js";

const divisionSettings = {
  divisionBits: {
    ...whole(1, "b", {
      default: 2,
      help: "DIVISION's bits of a residual, 1 to 8",
      example: { store: "division", divisionBits: 4 },
    }),
    expected: "a whole number from 1 to 8",
    accepts: (value: unknown) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 8,
  },
  divisionBlock: whole(1, "k", {
    default: 8,
    help: "the height and width of DIVISION's blocks",
    example: { store: "division", divisionBlock: 4 },
  }),
};

type DivisionSettings = SettingsOf<typeof divisionSettings>;

export class DivisionStore extends LossyStore {
  readonly name = "division";
  override readonly random = true;
  readonly #settings: DivisionSettings;

  constructor(settings: DivisionSettings) {
    super();
    this.#settings = settings;
  }

  encode({ x, name, seed }: Subject): Packed | null {
    const [N, C, H, W] = x.shape as [number, number, number, number];
    if (x.shape.length !== 4 || H === 1 || W === 1) return null;
    const { divisionBits, divisionBlock } = this.#settings;
    const [R, S] = [Math.min(divisionBlock, H), Math.min(divisionBlock, W)];
    const stride = Math.min(R, S);
    const pool = {
      planes: N * C,
      H,
      W,
      R,
      S,
      P: Math.floor((H - R) / stride) + 1,
      Q: Math.floor((W - S) / stride) + 1,
      stride,
      padding: 0,
    };
    return new DivisionFrame(x, name, pool, divisionBits, seed);
  }
}

class DivisionFrame implements Packed {
  readonly kind = "frame";
  readonly bytes: number;
  readonly images: number;
  readonly #engine: Machine;
  readonly #pool: PoolShape;
  /** The upper 16 bits of each mean. */
  readonly #means: Block;
  readonly #residual: GroupFrame;

  constructor(x: Tensor, site: string, pool: PoolShape, bits: number, seed: number) {
    const { device, kernels } = x.engine;
    const { planes, H, W, P, Q } = pool;
    this.#engine = x.engine;
    this.#pool = pool;
    const means = Tensor.empty(x.engine, [planes, P, Q], site);
    kernels.avgPool(means.data, x.data, pool);
    this.#means = device.allocate(2 * means.size, "saved", site, "high");
    const halves = new Uint16Array(device.buffer, this.#means.address, means.size);
    means.data.forEach((mean, i) => {
      halves[i] = rounded(mean);
    });
    means.dispose();
    const r = Tensor.empty(x.engine, x.shape, site);
    kernels.subtractMeans(r.data, x.data, device.u8(this.#means), pool);
    this.#residual = new GroupFrame(r, site, { group: H * W, range: "rounded", bits, seed });
    r.dispose();
    this.images = this.#residual.images;
    this.bytes = this.#means.bytes + this.#residual.bytes;
  }

  range(first: number, count: number): Tensor {
    const x = this.#residual.range(first, count);
    const { device, kernels } = this.#engine;
    const [planes, bytes] = [count * x.shape[1]!, this.#means.bytes / this.#pool.planes];
    const from = first * x.shape[1]! * bytes;
    const means = device.u8(this.#means).subarray(from, from + planes * bytes);
    kernels.addMeans(x.data, x.data, means, { ...this.#pool, planes });
    return x;
  }

  free(): void {
    this.#engine.device.free(this.#means);
    this.#residual.free();
  }
}

export const division = storeKind({
  name: "division",
  help: "DIVISION: means of blocks, and the residual in 2 bits",
  settings: divisionSettings,
  label: ({ divisionBits, divisionBlock }) =>
    `DIVISION, ${divisionBlock} × ${divisionBlock}, ${divisionBits} bits`,
  slug: ({ divisionBits, divisionBlock }) => `division-${divisionBlock}-${divisionBits}`,
  knob: () => ({ setting: "divisionBits", values: [8, 7, 6, 5, 4, 3, 2, 1] }),
  create: (_engine, settings) => new DivisionStore(settings),
});
