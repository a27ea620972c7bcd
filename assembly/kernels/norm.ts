/**
 * The gradients of batch normalisation, in one of two ways with the same bits. Channel by channel, the
 * channel stays in the cache for its second pass. Plane by plane, each thread continues with the images that
 * it has written itself.
 */
import { ChannelShape, planeOf } from "./channel";
import { lanesBelow, loadSome, storeSome } from "./vector";

const blockLength: i32 = 1024;

function at(p: usize, c: i32): usize {
  return p + ((<usize>c) << 2);
}

/** dy·((x − mu)·inverse): a gradient times the normalised input. */
function timesNormalised(dy: v128, x: v128, mu: v128, inverse: v128): v128 {
  return f32x4.mul(dy, f32x4.mul(f32x4.sub(x, mu), inverse));
}

/** Adds Σdy and Σdy·x̂ of a plane to the two binary64 numbers at `sums`; both sums follow order.ts. */
function addSums(sums: usize, dy: usize, x: usize, size: i32, mu: v128, inverse: v128): void {
  // A plane's own sums are completed first, because they are rounded before they are added.
  let total: f64 = 0;
  let totalX: f64 = 0;
  for (let start = 0; start < size; start += blockLength) {
    let left = min(blockLength, size - start);
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let t0 = s0;
    let t1 = s0;
    let t2 = s0;
    let t3 = s0;
    for (; left >= 16; left -= 16, x += 64, dy += 64) {
      const d0 = v128.load(dy);
      s0 = f32x4.add(s0, d0);
      t0 = f32x4.add(t0, timesNormalised(d0, v128.load(x), mu, inverse));
      const d1 = v128.load(dy, 16);
      s1 = f32x4.add(s1, d1);
      t1 = f32x4.add(t1, timesNormalised(d1, v128.load(x, 16), mu, inverse));
      const d2 = v128.load(dy, 32);
      s2 = f32x4.add(s2, d2);
      t2 = f32x4.add(t2, timesNormalised(d2, v128.load(x, 32), mu, inverse));
      const d3 = v128.load(dy, 48);
      s3 = f32x4.add(s3, d3);
      t3 = f32x4.add(t3, timesNormalised(d3, v128.load(x, 48), mu, inverse));
    }
    // Missing elements add +0, which does not change a sum that began at +0.
    for (let lane = 0; left > 0; left -= 4, lane++, x += 16, dy += 16) {
      const d = loadSome(dy, left);
      const t = v128.and(timesNormalised(d, loadSome(x, left), mu, inverse), lanesBelow(left));
      if (lane === 0) {
        s0 = f32x4.add(s0, d);
        t0 = f32x4.add(t0, t);
      } else if (lane === 1) {
        s1 = f32x4.add(s1, d);
        t1 = f32x4.add(t1, t);
      } else if (lane === 2) {
        s2 = f32x4.add(s2, d);
        t2 = f32x4.add(t2, t);
      } else {
        s3 = f32x4.add(s3, d);
        t3 = f32x4.add(t3, t);
      }
    }
    total += <f64>fold(s0, s1, s2, s3);
    totalX += <f64>fold(t0, t1, t2, t3);
  }
  store<f64>(sums, load<f64>(sums) + total);
  store<f64>(sums + 8, load<f64>(sums + 8) + totalX);
}

function fold(s0: v128, s1: v128, s2: v128, s3: v128): f32 {
  const eight = f32x4.add(f32x4.add(s0, s2), f32x4.add(s1, s3));
  const four = f32x4.add(eight, v128.shuffle<f32>(eight, eight, 2, 3, 2, 3));
  return f32x4.extract_lane(four, 0) + f32x4.extract_lane(four, 1);
}

/** scale·(dy − meanDy − x̂·meanDyX), with x̂ = (x − mu)·inverse. */
function gradient(
  x: v128,
  dy: v128,
  mu: v128,
  inverse: v128,
  scale: v128,
  meanDy: v128,
  meanDyX: v128,
): v128 {
  const normalised = f32x4.mul(f32x4.sub(x, mu), inverse);
  return f32x4.mul(scale, f32x4.sub(f32x4.sub(dy, meanDy), f32x4.mul(normalised, meanDyX)));
}

/** The input gradient of a plane; dx may be dy. */
function planeGradient(
  dx: usize,
  dy: usize,
  x: usize,
  size: i32,
  mu: v128,
  inverse: v128,
  scale: v128,
  meanDy: v128,
  meanDyX: v128,
): void {
  const end = x + ((<usize>size) << 2);
  for (; x + 32 <= end; x += 32, dy += 32, dx += 32) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const dy0 = v128.load(dy);
    const dy1 = v128.load(dy, 16);
    v128.store(dx, gradient(x0, dy0, mu, inverse, scale, meanDy, meanDyX));
    v128.store(dx, gradient(x1, dy1, mu, inverse, scale, meanDy, meanDyX), 16);
  }
  for (; x < end; x += 16, dy += 16, dx += 16) {
    const left = <i32>((end - x) >> 2);
    const one = gradient(loadSome(x, left), loadSome(dy, left), mu, inverse, scale, meanDy, meanDyX);
    storeSome(dx, one, left);
  }
}

/** Units: channels. `sums` is a workspace of two binary64 numbers. */
export function batchNormBackward(
  dx: usize,
  dgamma: usize,
  dbeta: usize,
  dy: usize,
  x: usize,
  mean: usize,
  invStd: usize,
  gamma: usize,
  shape: usize,
  begin: i32,
  end: i32,
  sums: usize,
): void {
  const s = changetype<ChannelShape>(shape);
  const count = <f32>(s.N * s.size);
  for (let c = begin; c < end; c++) {
    const mu = v128.load32_splat(at(mean, c));
    const inverse = v128.load32_splat(at(invStd, c));
    store<f64>(sums, 0);
    store<f64>(sums + 8, 0);
    for (let n = 0; n < s.N; n++) {
      const plane = planeOf(s, n, c);
      addSums(sums, dy + plane, x + plane, s.size, mu, inverse);
    }
    const sumDy = <f32>load<f64>(sums);
    const sumDyX = <f32>load<f64>(sums + 8);
    store<f32>(at(dbeta, c), sumDy);
    store<f32>(at(dgamma, c), sumDyX);
    const scale = f32x4.mul(v128.load32_splat(at(gamma, c)), inverse);
    const meanDy = f32x4.splat(sumDy / count);
    const meanDyX = f32x4.splat(sumDyX / count);
    for (let n = 0; n < s.N; n++) {
      const plane = planeOf(s, n, c);
      planeGradient(dx + plane, dy + plane, x + plane, s.size, mu, inverse, scale, meanDy, meanDyX);
    }
  }
}

/** Σdy and Σdy·x̂ of each plane, side by side in binary64. Units: planes. */
export function batchNormPlaneSums(
  sums: usize,
  dy: usize,
  x: usize,
  mean: usize,
  invStd: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  for (let unit = begin, c = begin % s.C; unit < end; unit++) {
    const plane = (<usize>(unit * s.size)) << 2;
    const to = sums + ((<usize>unit) << 4);
    store<f64>(to, 0);
    store<f64>(to + 8, 0);
    const mu = v128.load32_splat(at(mean, c));
    addSums(to, dy + plane, x + plane, s.size, mu, v128.load32_splat(at(invStd, c)));
    if (++c === s.C) c = 0;
  }
}

/** The channels' sums from those of their planes. Units: channels. */
export function batchNormTotals(
  dgamma: usize,
  dbeta: usize,
  sums: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  for (let c = begin; c < end; c++) {
    let sumDy: f64 = 0;
    let sumDyX: f64 = 0;
    for (let n = 0; n < s.N; n++) {
      const from = sums + ((<usize>(n * s.C + c)) << 4);
      sumDy += load<f64>(from);
      sumDyX += load<f64>(from + 8);
    }
    store<f32>(at(dbeta, c), <f32>sumDy);
    store<f32>(at(dgamma, c), <f32>sumDyX);
  }
}

/** The input gradients from the channels' sums. Units: planes. */
export function batchNormPlaneGradients(
  dx: usize,
  dgamma: usize,
  dbeta: usize,
  dy: usize,
  x: usize,
  mean: usize,
  invStd: usize,
  gamma: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  const count = <f32>(s.N * s.size);
  for (let unit = begin, c = begin % s.C; unit < end; unit++) {
    const plane = (<usize>(unit * s.size)) << 2;
    const inverse = v128.load32_splat(at(invStd, c));
    planeGradient(
      dx + plane,
      dy + plane,
      x + plane,
      s.size,
      v128.load32_splat(at(mean, c)),
      inverse,
      f32x4.mul(v128.load32_splat(at(gamma, c)), inverse),
      f32x4.splat(load<f32>(at(dbeta, c)) / count),
      f32x4.splat(load<f32>(at(dgamma, c)) / count),
    );
    if (++c === s.C) c = 0;
  }
}
