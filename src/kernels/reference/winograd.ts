/**
 * Winograd's F(2×2, 3×3) (Lavin and Gray, 2016): 16 products for 4 outputs, where a plain 3×3 window takes
 * 36. Planes of at least 8×8 with not too many weights use F(4×4, 3×3): 36 products for 16 outputs, where a
 * plain window takes 144.
 *
 *   for each channel   V = Bᵀ d B   (d: 4×4 inputs, tiles overlap by 2)     U = G g Gᵀ (g: 3×3 weights)
 *   for each ξ of 16   M[ξ] = Σ_c V[ξ]·U[ξ], a chain over the channels
 *   for each tile      Y = Aᵀ M A + bias   (2×2 outputs)
 *
 *        ⎡1  0 −1  0⎤        ⎡ 1    0   0 ⎤
 *   Bᵀ = ⎢0  1  1  0⎥    G = ⎢ ½    ½   ½ ⎥    Aᵀ = ⎡1  1  1  0⎤
 *        ⎢0 −1  1  0⎥        ⎢ ½   −½   ½ ⎥         ⎣0  1 −1 −1⎦
 *        ⎣0  1  0 −1⎦        ⎣ 0    0   1 ⎦
 *
 *        ⎡4  0 −5  0  1  0⎤        ⎡ ¼    0    0 ⎤
 *        ⎢0 −4 −4  1  1  0⎥        ⎢−⅙   −⅙   −⅙ ⎥         ⎡1  1  1  1  1  0⎤
 *   Bᵀ = ⎢0  4 −4 −1  1  0⎥    G = ⎢−⅙    ⅙   −⅙ ⎥    Aᵀ = ⎢0  1 −1  2 −2  0⎥     (6×6 inputs, 4×4 outputs)
 *        ⎢0 −2 −1  2  1  0⎥        ⎢1/24 1/12  ⅙ ⎥         ⎢0  1  1  4  4  0⎥
 *        ⎢0  2 −1 −2  1  0⎥        ⎢1/24 −1/12 ⅙ ⎥         ⎣0  1 −1  8 −8  1⎦
 *        ⎣0  4  0 −5  0  1⎦        ⎣ 0    0    1 ⎦
 *
 * It is used for convolutions with stride 1 and for their input gradients, which are convolutions of dy with
 * the rotated window. Both equal the definition up to rounding, but they round differently from a single
 * chain of products.
 *
 * The weight gradient F(3×3, 2×2) comes from the same bilinear form, solved for another of its three
 * arguments:
 *
 *   for each channel   V = Bᵀ d B                          D = A δ Aᵀ (δ: 2×2 output gradients)
 *   for each ξ of 16   M[ξ] = Σ V[ξ]·D[ξ], a chain over the tiles of a part of an image, row by row
 *   for each weight    ∇w += Gᵀ M G, part after part, image after image
 */
import type { Conv2dShape } from "../kernels.js";

const { fround } = Math;

/** With fewer channels or smaller planes the transforms cost more than they save. */
const leastChannels = 16;
const leastExtent = 4;
/**
 * The same limit for large tiles, and a limit on the weights, because their 36 points each should stay in the
 * cache.
 */
const leastLargeExtent = 8;
const mostWeights = 8192;

/** The smallest plane for the weight gradient, where more outputs share each transform. */
const leastWeightExtent = 7;
/** The most tiles in a part, and the most tiles × channels of x. */
const mostTiles = 256;
const mostElements = 16384;

/** A convolution with 3×3 windows and stride 1. The numbers of channels are per group. */
export interface Sliding {
  images: number;
  groups: number;
  inputs: number;
  outputs: number;
  /** Size of the source planes. The first window begins `margin` rows and columns before them. */
  H: number;
  W: number;
  margin: number;
  /** Size of the output planes. */
  P: number;
  Q: number;
}

/** The side of a tile in outputs, 2 or 4; 0 for convolutions that do not use Winograd. */
export function winogradSide(
  { R, S, stride }: { R: number; S: number; stride: number },
  { inputs, outputs, P, Q }: Sliding,
): 0 | 2 | 4 {
  const extent = Math.min(P, Q);
  if (R !== 3 || S !== 3 || stride !== 1) return 0;
  if (Math.min(inputs, outputs) < leastChannels || extent < leastExtent) return 0;
  return extent >= leastLargeExtent && inputs * outputs <= mostWeights ? 4 : 2;
}

/** The transforms for tiles of side × side outputs: the product of each matrix with a column. */
interface Form {
  side: number;
  /** Bᵀ */
  spread(column: number[]): number[];
  /** G */
  stretch(column: number[]): number[];
  /** Aᵀ */
  collect(column: number[]): number[];
}

const small: Form = {
  side: 2,
  spread: ([a, b, c, d]) => [fround(a! - c!), fround(b! + c!), fround(c! - b!), fround(b! - d!)],
  stretch([a, b, c]) {
    const ends = fround(a! + c!);
    return [a!, fround(0.5 * fround(ends + b!)), fround(0.5 * fround(ends - b!)), c!];
  },
  collect: ([a, b, c, d]) => [fround(fround(a! + b!) + c!), fround(fround(b! - c!) - d!)],
};

const [sixth, twelfth, smallest] = [fround(1 / 6), fround(1 / 12), fround(1 / 24)];

const large: Form = {
  side: 4,
  spread([a, b, c, d, e, f]) {
    const [ec, db] = [fround(e! - c!), fround(d! - b!)];
    const [even, odd] = [fround(e! - fround(4 * c!)), fround(d! - fround(4 * b!))];
    const twice = fround(db + db);
    return [
      fround(fround(4 * fround(a! - c!)) + ec),
      fround(even + odd),
      fround(even - odd),
      fround(ec + twice),
      fround(ec - twice),
      fround(fround(f! - d!) - fround(4 * db)),
    ];
  },
  stretch([a, b, c]) {
    const ends = fround(a! + c!);
    const outer = fround(fround(smallest * a!) + fround(sixth * c!));
    const middle = fround(twelfth * b!);
    return [
      fround(0.25 * a!),
      fround(-sixth * fround(ends + b!)),
      fround(-sixth * fround(ends - b!)),
      fround(outer + middle),
      fround(outer - middle),
      c!,
    ];
  },
  collect([a, b, c, d, e, f]) {
    const [sum, difference] = [fround(b! + c!), fround(b! - c!)];
    const [sum2, difference2] = [fround(d! + e!), fround(d! - e!)];
    return [
      fround(fround(a! + sum) + sum2),
      fround(difference + fround(difference2 + difference2)),
      fround(sum + fround(4 * sum2)),
      fround(fround(difference + fround(8 * difference2)) + f!),
    ];
  },
};

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * T m Tᵀ for the map T of a column, applied to the rows × columns elements m(row, column); columns come
 * first.
 */
function columnsFirst(
  T: (column: number[]) => number[],
  [rows, columns]: readonly [number, number],
  m: (row: number, column: number) => number,
): number[] {
  const down = count(columns).map((j) => T(count(rows).map((i) => m(i, j))));
  return down[0]!.flatMap((_, i) => T(down.map((column) => column[i]!)));
}

/** T m Tᵀ with the rows first. The order matters for rounding. */
function rowsFirst(
  T: (column: number[]) => number[],
  extent: readonly [number, number],
  m: (row: number, column: number) => number,
): number[] {
  const turned = columnsFirst(T, [extent[1], extent[0]], (i, j) => m(j, i));
  const side = Math.sqrt(turned.length);
  return turned.map((_, i) => turned[(i % side) * side + Math.floor(i / side)]!);
}

/** M of one output channel: for each point, the chain Σ V·U over the channels (or tiles) of V and U. */
function multiply(V: number[][], U: number[][]): number[] {
  return V[0]!.map((_, i) => V.reduce((sum, v, l) => fround(sum + fround(v[i]! * U[l]![i]!)), 0));
}

/**
 * `weight(g, k, c, r, s)` returns output k's weight of input c at tap (r, s), both counted within group g.
 */
export function winograd(
  y: Float32Array,
  x: Float32Array,
  weight: (g: number, k: number, c: number, r: number, s: number) => number,
  bias: Float32Array | null,
  { images, groups, inputs, outputs, H, W, margin, P, Q }: Sliding,
  side: 2 | 4,
): void {
  const { spread, stretch, collect } = side === 2 ? small : large;
  const points = side + 2;
  for (let g = 0; g < groups; g++) {
    const U = count(outputs).map((k) =>
      count(inputs).map((c) => columnsFirst(stretch, [3, 3], (r, s) => weight(g, k, c, r, s))),
    );
    for (let n = 0; n < images; n++) {
      for (let p = 0; p < P; p += side) {
        for (let q = 0; q < Q; q += side) {
          const V = count(inputs).map((c) =>
            rowsFirst(spread, [points, points], (r, s) => {
              const [row, column] = [p + r - margin, q + s - margin];
              const inside = row >= 0 && row < H && column >= 0 && column < W;
              return inside ? x[(((n * groups + g) * inputs + c) * H + row) * W + column]! : 0;
            }),
          );
          for (let k = 0; k < outputs; k++) {
            const channel = g * outputs + k;
            const M = multiply(V, U[k]!);
            const tile = columnsFirst(collect, [points, points], (i, j) => M[i * points + j]!);
            for (const [i, value] of tile.entries()) {
              const [row, column] = [p + Math.floor(i / side), q + (i % side)];
              if (row < P && column < Q) {
                y[((n * groups * outputs + channel) * P + row) * Q + column] =
                  value + (bias ? bias[channel]! : 0);
              }
            }
          }
        }
      }
    }
  }
}

export function suitsWeightWinograd({ C, K, R, S, P, Q, stride, groups }: Conv2dShape): boolean {
  const wide = Math.min(C, K) / groups >= leastChannels;
  return R === 3 && S === 3 && stride === 1 && wide && Math.min(P, Q) >= leastWeightExtent;
}

/** A times a column. */
const stretchGradient = ([a, b]: number[]): number[] => [a!, fround(a! + b!), fround(a! - b!), -b!];

/** Gᵀ times a column. */
const fold = ([a, b, c, d]: number[]): number[] => [
  fround(a! + fround(0.5 * fround(b! + c!))),
  fround(0.5 * fround(b! - c!)),
  fround(d! + fround(0.5 * fround(b! + c!))),
];

/** Adds the weight gradient to dw. */
export function winogradWeightGradient(
  dw: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  { N, C, H, W, K, P, Q, padding, groups }: Conv2dShape,
): void {
  const [groupC, groupK] = [C / groups, K / groups];
  const [tileRows, tileColumns] = [Math.ceil(P / 2), Math.ceil(Q / 2)];
  const tiles = Math.min(mostTiles, Math.floor(mostElements / groupC));
  const partRows = Math.max(1, Math.floor(tiles / tileColumns));
  /** The transformed tiles of a part, in order. */
  const each = (first: number, make: (p: number, q: number) => number[]): number[][] => {
    const rows = Math.min(partRows, tileRows - first);
    return Array.from({ length: rows * tileColumns }, (_, i) =>
      make(2 * (first + Math.floor(i / tileColumns)), 2 * (i % tileColumns)),
    );
  };
  for (let n = 0; n < N; n++) {
    for (let first = 0; first < tileRows; first += partRows) {
      const V = Array.from({ length: C }, (_, c) =>
        each(first, (p, q) =>
          rowsFirst(small.spread, [4, 4], (r, s) => {
            const [row, column] = [p + r - padding, q + s - padding];
            const inside = row >= 0 && row < H && column >= 0 && column < W;
            return inside ? x[((n * C + c) * H + row) * W + column]! : 0;
          }),
        ),
      );
      for (let k = 0; k < K; k++) {
        const D = each(first, (p, q) =>
          rowsFirst(stretchGradient, [2, 2], (i, j) =>
            p + i < P && q + j < Q ? dy[((n * K + k) * P + p + i) * Q + q + j]! : 0,
          ),
        );
        for (let c = 0; c < groupC; c++) {
          const M = multiply(V[Math.floor(k / groupK) * groupC + c]!, D);
          const sums = columnsFirst(fold, [4, 4], (i, j) => M[i * 4 + j]!);
          for (const [i, sum] of sums.entries()) dw[(k * groupC + c) * 9 + i]! += sum;
        }
      }
    }
  }
}
