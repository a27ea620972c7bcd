/** Per channel of N × C × size. Units: channels, where nothing else is said. A channel's sums run over its planes in binary64. */
import { Sum } from "./elementwise";
import { map } from "./map";
import { orderedSum, SquaredDeviation, TimesNormalised, Value } from "./order";
import { loadSome, storeSome } from "./vector";

@unmanaged
class ChannelShape {
  N: i32;
  C: i32;
  size: i32;
}

function planeOf(s: ChannelShape, n: i32, c: i32): usize {
  return (<usize>((n * s.C + c) * s.size)) << 2;
}
function at(p: usize, c: i32): usize {
  return p + ((<usize>c) << 2);
}

function channelSum<Term>(x: usize, z: usize, s: ChannelShape, c: i32, u: v128, w: v128): f64 {
  let total: f64 = 0;
  for (let n = 0; n < s.N; n++) {
    const plane = planeOf(s, n, c);
    total += orderedSum<Term>(x + plane, z + plane, s.size, u, w);
  }
  return total;
}

/** The same of planes of one value, as behind a linear layer. */
function columnSum(x: usize, s: ChannelShape, c: i32): f64 {
  let total: f64 = 0;
  for (let n = 0; n < s.N; n++) total += <f64>load<f32>(x + planeOf(s, n, c));
  return total;
}

/** x + u */
@unmanaged
class Shifted {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.add(x, u);
  }
}

/** x·u + w */
@unmanaged
class Affine {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.add(f32x4.mul(x, u), w);
  }
}

export function addBias(y: usize, bias: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  for (let n = 0; n < s.N; n++) {
    if (s.size === 1) {
      // Channels lie side by side.
      const zero = f32x4.splat(0);
      map<Sum>(y + planeOf(s, n, begin), y + planeOf(s, n, begin), at(bias, begin), end - begin, zero, zero);
      continue;
    }
    for (let c = begin; c < end; c++) {
      const b = v128.load32_splat(at(bias, c));
      const plane = y + planeOf(s, n, c);
      map<Shifted>(plane, plane, 0, s.size, b, b);
    }
  }
}

export function biasGradient(db: usize, dy: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  const zero = f32x4.splat(0);
  for (let c = begin; c < end; c++) {
    const sum = s.size === 1 ? columnSum(dy, s, c) : channelSum<Value>(dy, dy, s, c, zero, zero);
    store<f32>(at(db, c), <f32>sum);
  }
}

export function channelMoments(
  mean: usize,
  variance: usize,
  x: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  const count = <f64>(s.N * s.size);
  const zero = f32x4.splat(0);
  for (let c = begin; c < end; c++) {
    const mu = <f32>(channelSum<Value>(x, x, s, c, zero, zero) / count);
    store<f32>(at(mean, c), mu);
    store<f32>(
      at(variance, c),
      <f32>(channelSum<SquaredDeviation>(x, x, s, c, f32x4.splat(mu), zero) / count),
    );
  }
}

/** Units: planes, N · C of them, so that a thread goes on with what it has mostly written itself. */
export function batchNormForward(
  y: usize,
  x: usize,
  mean: usize,
  invStd: usize,
  gamma: usize,
  beta: usize,
  shape: usize,
  begin: i32,
  end: i32,
): void {
  const s = changetype<ChannelShape>(shape);
  for (let unit = begin, c = begin % s.C; unit < end; unit++) {
    const factor = load<f32>(at(gamma, c)) * load<f32>(at(invStd, c));
    const scale = f32x4.splat(factor);
    const shift = f32x4.splat(load<f32>(at(beta, c)) - load<f32>(at(mean, c)) * factor);
    const plane = (<usize>(unit * s.size)) << 2;
    map<Affine>(y + plane, x + plane, 0, s.size, scale, shift);
    if (++c === s.C) c = 0;
  }
}

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
): void {
  const s = changetype<ChannelShape>(shape);
  const count = <f32>(s.N * s.size);
  for (let c = begin; c < end; c++) {
    const mu = v128.load32_splat(at(mean, c));
    const inverse = v128.load32_splat(at(invStd, c));
    const sumDy = <f32>channelSum<Value>(dy, dy, s, c, mu, inverse);
    const sumDyX = <f32>channelSum<TimesNormalised>(dy, x, s, c, mu, inverse);
    store<f32>(at(dbeta, c), sumDy);
    store<f32>(at(dgamma, c), sumDyX);
    const scale = f32x4.mul(v128.load32_splat(at(gamma, c)), inverse);
    const meanDy = f32x4.splat(sumDy / count);
    const meanDyX = f32x4.splat(sumDyX / count);
    for (let n = 0; n < s.N; n++) {
      let p = planeOf(s, n, c);
      const end = p + ((<usize>s.size) << 2);
      for (; p + 32 <= end; p += 32) {
        const x0 = v128.load(x + p);
        const x1 = v128.load(x + p, 16);
        const dy0 = v128.load(dy + p);
        const dy1 = v128.load(dy + p, 16);
        v128.store(dx + p, gradient(x0, dy0, mu, inverse, scale, meanDy, meanDyX));
        v128.store(dx + p, gradient(x1, dy1, mu, inverse, scale, meanDy, meanDyX), 16);
      }
      for (; p < end; p += 16) {
        const left = <i32>((end - p) >> 2);
        const one = gradient(
          loadSome(x + p, left),
          loadSome(dy + p, left),
          mu,
          inverse,
          scale,
          meanDy,
          meanDyX,
        );
        storeSome(dx + p, one, left);
      }
    }
  }
}

/** scale·(dy − meanDy − x̂·meanDyX), x̂ = (x − mu)·inverse. */
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

export function inverseStd(out: usize, variance: usize, eps: f32, begin: i32, end: i32): void {
  for (let c = begin; c < end; c++) {
    store<f32>(at(out, c), <f32>1 / sqrt<f32>(load<f32>(at(variance, c)) + eps));
  }
}

export function blend(running: usize, value: usize, rate: f32, begin: i32, end: i32): void {
  for (let c = begin; c < end; c++) {
    const old = load<f32>(at(running, c));
    store<f32>(at(running, c), old + rate * (load<f32>(at(value, c)) - old));
  }
}
