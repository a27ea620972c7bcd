/**
 * Winograd's F(2×2, 3×3) (Lavin and Gray, 2016): 16 products for 4 outputs where a 3×3 window takes 36.
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
 * A convolution with stride 1 goes this way, and so does its input gradient, a convolution of dy by the window turned
 * round. Both are still their definition within rounding, but no longer within that of a single chain.
 *
 * The weight gradient is the same bilinear form, read for another of its three arguments, F(3×3, 2×2):
 *
 *   for each channel   V = Bᵀ d B                          D = A δ Aᵀ (δ: 2×2 output gradients)
 *   for each ξ of 16   M[ξ] = Σ V[ξ]·D[ξ], a chain over the tiles of a part of an image, row by row
 *   for each weight    ∇w += Gᵀ M G, part after part, image after image
 */
import type { Conv2dShape } from "../kernels.js";

const { fround } = Math;

/** Fewer channels than this are not worth the transforms. */
const leastChannels = 16;
const leastExtent = 4;

/** The same for the weight gradient, whose transforms are shared by more. */
const leastWeightChannels = 16;
const leastWeightExtent = 7;
/** Tiles of a part, and tiles × channels of x. */
const mostTiles = 256;
const mostElements = 16384;

/** A convolution with 3×3 windows and stride 1; numbers of channels are those of a group. */
export interface Sliding {
  images: number;
  groups: number;
  inputs: number;
  outputs: number;
  /** Planes of the source. The first window begins `margin` rows and columns before them. */
  H: number;
  W: number;
  margin: number;
  /** Planes of the outputs. */
  P: number;
  Q: number;
}

export function suitsWinograd(
  { R, S, stride }: { R: number; S: number; stride: number },
  { inputs, outputs, P, Q }: Sliding,
): boolean {
  const wide = Math.min(inputs, outputs) >= leastChannels;
  return R === 3 && S === 3 && stride === 1 && wide && Math.min(P, Q) >= leastExtent;
}

type Four = [number, number, number, number];

/** Bᵀ times a column. */
const spread = (a: number, b: number, c: number, d: number): Four => [
  fround(a - c),
  fround(b + c),
  fround(c - b),
  fround(b - d),
];

/** G times a column. */
function stretch(a: number, b: number, c: number): Four {
  const ends = fround(a + c);
  return [a, fround(0.5 * fround(ends + b)), fround(0.5 * fround(ends - b)), c];
}

/** Aᵀ times a column. */
const collect = (a: number, b: number, c: number, d: number): [number, number] => [
  fround(fround(a + b) + c),
  fround(fround(b - c) - d),
];

/** `row(i)` holds row i of a matrix with 4 columns: `line` of each row. */
const rows = (row: (i: number) => number[], line: (values: number[]) => Four): Float32Array =>
  Float32Array.from([0, 1, 2, 3].flatMap((i) => line(row(i))));

/** Bᵀ d B of the 4×4 elements d(row, column): rows first. */
function transformInput(d: (row: number, column: number) => number): Float32Array {
  const across = [0, 1, 2, 3].map((r) => spread(d(r, 0), d(r, 1), d(r, 2), d(r, 3)));
  const down = [0, 1, 2, 3].map((j) =>
    spread(across[0]![j]!, across[1]![j]!, across[2]![j]!, across[3]![j]!),
  );
  return Float32Array.from({ length: 16 }, (_, i) => down[i & 3]![i >> 2]!);
}

/** G g Gᵀ of the 3×3 weights g(row, column): columns first. */
function transformWeights(g: (row: number, column: number) => number): Float32Array {
  const down = [0, 1, 2].map((s) => stretch(g(0, s), g(1, s), g(2, s)));
  return rows(
    (i) => down.map((column) => column[i]!),
    ([a, b, c]) => stretch(a!, b!, c!),
  );
}

/** Aᵀ M A + bias: the outputs (0,0) (0,1) (1,0) (1,1). Columns first. */
function transformOutput(m: Float32Array, bias: number): Four {
  const down = [0, 1, 2, 3].map((j) => collect(m[j]!, m[4 + j]!, m[8 + j]!, m[12 + j]!));
  const [upper, lower] = [0, 1].map((i) =>
    collect(down[0]![i]!, down[1]![i]!, down[2]![i]!, down[3]![i]!),
  ) as [[number, number], [number, number]];
  return [...upper, ...lower].map((value) => fround(value + bias)) as Four;
}

/** M of a chain, along which V and U hold 16 numbers each. */
function multiply(V: Float32Array[], U: Float32Array[]): Float32Array {
  const m = new Float32Array(16);
  for (let l = 0; l < V.length; l++) {
    for (let i = 0; i < 16; i++) m[i] = m[i]! + fround(V[l]![i]! * U[l]![i]!);
  }
  return m;
}

/** `weight(g, k, c, r, s)`: output k's weight of input c at tap (r, s), both counted in group g. */
export function winograd(
  y: Float32Array,
  x: Float32Array,
  weight: (g: number, k: number, c: number, r: number, s: number) => number,
  bias: Float32Array | null,
  { images, groups, inputs, outputs, H, W, margin, P, Q }: Sliding,
): void {
  const each = <T>(count: number, make: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  for (let g = 0; g < groups; g++) {
    const U = each(outputs, (k) => each(inputs, (c) => transformWeights((r, s) => weight(g, k, c, r, s))));
    for (let n = 0; n < images; n++) {
      for (let p = 0; p < P; p += 2) {
        for (let q = 0; q < Q; q += 2) {
          const V = each(inputs, (c) =>
            transformInput((r, s) => {
              const [row, column] = [p + r - margin, q + s - margin];
              const inside = row >= 0 && row < H && column >= 0 && column < W;
              return inside ? x[(((n * groups + g) * inputs + c) * H + row) * W + column]! : 0;
            }),
          );
          for (let k = 0; k < outputs; k++) {
            const channel = g * outputs + k;
            const tile = transformOutput(multiply(V, U[k]!), bias ? bias[channel]! : 0);
            for (let i = 0; i < 4; i++) {
              const [row, column] = [p + (i >> 1), q + (i & 1)];
              if (row < P && column < Q) {
                y[((n * groups * outputs + channel) * P + row) * Q + column] = tile[i]!;
              }
            }
          }
        }
      }
    }
  }
}

export function suitsWeightWinograd({ C, K, R, S, P, Q, stride, groups }: Conv2dShape): boolean {
  const wide = Math.min(C, K) / groups >= leastWeightChannels;
  return R === 3 && S === 3 && stride === 1 && wide && Math.min(P, Q) >= leastWeightExtent;
}

/** A times a column. */
const stretchGradient = (a: number, b: number): Four => [a, fround(a + b), fround(a - b), -b];

/** Gᵀ times a column. */
const gather = (a: number, b: number, c: number, d: number): [number, number, number] => [
  fround(a + fround(0.5 * fround(b + c))),
  fround(0.5 * fround(b - c)),
  fround(d + fround(0.5 * fround(b + c))),
];

/** A δ Aᵀ of the 2×2 elements δ(row, column): rows first. */
function transformGradient(delta: (row: number, column: number) => number): Float32Array {
  const across = [0, 1].map((r) => stretchGradient(delta(r, 0), delta(r, 1)));
  const down = [0, 1, 2, 3].map((j) => stretchGradient(across[0]![j]!, across[1]![j]!));
  return Float32Array.from({ length: 16 }, (_, i) => down[i & 3]![i >> 2]!);
}

/** Gᵀ M G: 3×3 weights, row by row. Columns first. */
function transformProducts(m: Float32Array): number[] {
  const down = [0, 1, 2, 3].map((j) => gather(m[j]!, m[4 + j]!, m[8 + j]!, m[12 + j]!));
  return [0, 1, 2].flatMap((r) => gather(down[0]![r]!, down[1]![r]!, down[2]![r]!, down[3]![r]!));
}

/** Adds to dw. */
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
  const each = (first: number, make: (p: number, q: number) => Float32Array): Float32Array[] => {
    const rows = Math.min(partRows, tileRows - first);
    return Array.from({ length: rows * tileColumns }, (_, i) =>
      make(2 * (first + Math.floor(i / tileColumns)), 2 * (i % tileColumns)),
    );
  };
  for (let n = 0; n < N; n++) {
    for (let first = 0; first < tileRows; first += partRows) {
      const V = Array.from({ length: C }, (_, c) =>
        each(first, (p, q) =>
          transformInput((r, s) => {
            const [row, column] = [p + r - padding, q + s - padding];
            const inside = row >= 0 && row < H && column >= 0 && column < W;
            return inside ? x[((n * C + c) * H + row) * W + column]! : 0;
          }),
        ),
      );
      for (let k = 0; k < K; k++) {
        const D = each(first, (p, q) =>
          transformGradient((i, j) =>
            p + i < P && q + j < Q ? dy[((n * K + k) * P + p + i) * Q + q + j]! : 0,
          ),
        );
        for (let c = 0; c < groupC; c++) {
          const sums = transformProducts(multiply(V[Math.floor(k / groupK) * groupC + c]!, D));
          for (const [i, sum] of sums.entries()) dw[(k * groupC + c) * 9 + i]! += sum;
        }
      }
    }
  }
}
