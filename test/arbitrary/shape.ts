/**
 * Shapes of convolutions, pools and matrices: small ones that shrink, down to empty ones, and some that cross
 * every block border.
 */
import fc from "fast-check";
import type { Conv2dShape, DownsampleShape, GemmShape, PoolShape } from "../../src/kernels/kernels.js";

const outputs = (size: number, window: number, stride: number, padding: number): number =>
  Math.floor((size + 2 * padding - window) / stride) + 1;

export const conv2dShape: fc.Arbitrary<Conv2dShape> = fc
  .record({
    N: fc.integer({ min: 0, max: 3 }),
    groups: fc.constantFrom(1, 1, 1, 2, 3),
    groupC: fc.integer({ min: 1, max: 5 }),
    groupK: fc.integer({ min: 1, max: 10 }),
    R: fc.integer({ min: 1, max: 5 }),
    S: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 3 }),
    moreH: fc.integer({ min: 0, max: 8 }),
    moreW: fc.integer({ min: 0, max: 8 }),
  })
  .map(({ N, groups, groupC, groupK, R, S, stride, padding, moreH, moreW }) => {
    const H = Math.max(1, R - 2 * padding) + moreH;
    const W = Math.max(1, S - 2 * padding) + moreW;
    const P = outputs(H, R, stride, padding);
    const Q = outputs(W, S, stride, padding);
    return { N, C: groups * groupC, H, W, K: groups * groupK, R, S, P, Q, stride, padding, groups };
  });

/** Depthwise convolutions: each group has one input channel and one or two output channels. */
export const depthwiseShape: fc.Arbitrary<Conv2dShape> = fc
  .tuple(conv2dShape, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 }))
  .map(([shape, C, perChannel]) => ({ ...shape, C, K: C * perChannel, groups: C }));

/**
 * Rows of at least 13 windows with few channels, which are computed in pairs, and paddings that leave whole
 * rows of a window outside.
 */
export const wideConv2dShape: fc.Arbitrary<Conv2dShape> = fc
  .tuple(conv2dShape, fc.integer({ min: 13, max: 34 }), fc.integer({ min: 1, max: 7 }))
  .map(([shape, W, channels]) => {
    const [C, K] = [shape.groups * channels, shape.groups * (8 - channels)];
    return {
      ...shape,
      C,
      K,
      W,
      Q: outputs(W, shape.S, 1, shape.padding),
      P: outputs(shape.H, shape.R, 1, shape.padding),
      stride: 1,
    };
  });

const square = (
  N: number,
  C: number,
  size: number,
  K: number,
  R: number,
  stride: number,
  padding: number,
): Conv2dShape => {
  const P = outputs(size, R, stride, padding);
  return { N, C, H: size, W: size, K, R, S: R, P, Q: P, stride, padding, groups: 1 };
};

/**
 * Chains longer than a piece, planes larger than a block, blocks of several images, windows of width 1, 7 and
 * 11, and planes that Winograd's weight gradient processes in parts.
 */
export const largeConv2dShapes: Conv2dShape[] = [
  square(1, 50, 6, 9, 3, 1, 1),
  square(1, 3, 40, 5, 3, 1, 1),
  square(9, 5, 9, 6, 3, 1, 1),
  square(1, 2, 37, 3, 7, 2, 3),
  square(1, 2, 35, 3, 11, 4, 2),
  square(2, 130, 4, 17, 1, 1, 0),
  square(2, 33, 7, 10, 1, 2, 0),
  square(1, 16, 34, 17, 3, 1, 1),
];

/** 3 × 3 windows with stride 1 and enough channels for Winograd's transforms. */
export const winogradShape: fc.Arbitrary<Conv2dShape> = fc
  .record({
    N: fc.integer({ min: 1, max: 2 }),
    groups: fc.constantFrom(1, 1, 2),
    groupC: fc.integer({ min: 16, max: 37 }),
    groupK: fc.integer({ min: 16, max: 43 }),
    padding: fc.integer({ min: 0, max: 2 }),
    P: fc.integer({ min: 4, max: 9 }),
    Q: fc.integer({ min: 4, max: 13 }),
  })
  .map(({ N, groups, groupC, groupK, padding, P, Q }) => {
    const [H, W] = [P + 2 - 2 * padding, Q + 2 - 2 * padding];
    return { N, C: groups * groupC, H, W, K: groups * groupK, R: 3, S: 3, P, Q, stride: 1, padding, groups };
  });

const rarely = (usual: fc.Arbitrary<number>, large: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 19, arbitrary: usual }, { weight: 1, arbitrary: fc.constant(large) });

export const gemmShape: fc.Arbitrary<GemmShape> = fc.record({
  m: rarely(fc.integer({ min: 0, max: 20 }), 261),
  n: fc.integer({ min: 0, max: 20 }),
  k: rarely(fc.integer({ min: 0, max: 20 }), 401),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
});

export const poolShape: fc.Arbitrary<PoolShape> = fc
  .record({
    planes: fc.integer({ min: 0, max: 5 }),
    R: fc.integer({ min: 1, max: 4 }),
    S: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 3 }),
    moreH: fc.integer({ min: 0, max: 20 }),
    moreW: fc.integer({ min: 0, max: 20 }),
  })
  .map(({ planes, R, S, stride, padding, moreH, moreW }) => {
    const pad = Math.min(padding, R - 1, S - 1);
    const H = Math.max(1, R - 2 * pad) + moreH;
    const W = Math.max(1, S - 2 * pad) + moreW;
    const P = outputs(H, R, stride, pad);
    return { planes, H, W, R, S, P, Q: outputs(W, S, stride, pad), stride, padding: pad };
  });

/** Pools whose last windows may reach over the far edges if they begin inside. */
export const maxPoolShape: fc.Arbitrary<PoolShape> = fc
  .tuple(poolShape, fc.boolean(), fc.boolean())
  .map(([shape, rows, columns]) => {
    const { H, W, R, S, stride, padding } = shape;
    const reaching = (size: number, window: number, whole: number): number =>
      (size + 2 * padding - window) % stride !== 0 && whole * stride - padding < size ? whole + 1 : whole;
    return {
      ...shape,
      P: rows ? reaching(H, R, shape.P) : shape.P,
      Q: columns ? reaching(W, S, shape.Q) : shape.Q,
    };
  });

export const downsampleShape: fc.Arbitrary<DownsampleShape> = fc
  .record({
    N: fc.integer({ min: 0, max: 3 }),
    C: fc.integer({ min: 1, max: 4 }),
    more: fc.integer({ min: 0, max: 5 }),
    H: fc.integer({ min: 1, max: 9 }),
    W: fc.integer({ min: 1, max: 20 }),
    stride: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ more, ...s }) => ({
    ...s,
    K: s.C + more,
    P: Math.ceil(s.H / s.stride),
    Q: Math.ceil(s.W / s.stride),
  }));
