/** Per channel of N × C × size. Units: channels. A channel's sums run over its planes in binary64. */
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

export function addBias(y: usize, bias: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  for (let n = 0; n < s.N; n++) {
    for (let c = begin; c < end; c++) {
      const b = v128.load32_splat(at(bias, c));
      let p = y + planeOf(s, n, c);
      for (let left = s.size; left > 0; left -= 4, p += 16) {
        storeSome(p, f32x4.add(loadSome(p, left), b), left);
      }
    }
  }
}

export function biasGradient(db: usize, dy: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  const zero = f32x4.splat(0);
  for (let c = begin; c < end; c++) store<f32>(at(db, c), <f32>channelSum<Value>(dy, dy, s, c, zero, zero));
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
  for (let n = 0; n < s.N; n++) {
    for (let c = begin; c < end; c++) {
      const factor = load<f32>(at(gamma, c)) * load<f32>(at(invStd, c));
      const scale = f32x4.splat(factor);
      const shift = f32x4.splat(load<f32>(at(beta, c)) - load<f32>(at(mean, c)) * factor);
      let from = x + planeOf(s, n, c);
      let to = y + planeOf(s, n, c);
      for (let left = s.size; left > 0; left -= 4, from += 16, to += 16) {
        storeSome(to, f32x4.add(f32x4.mul(loadSome(from, left), scale), shift), left);
      }
    }
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
      const plane = planeOf(s, n, c);
      for (let i = 0; i < s.size; i += 4) {
        const left = s.size - i;
        const offset = plane + ((<usize>i) << 2);
        const normalised = f32x4.mul(f32x4.sub(loadSome(x + offset, left), mu), inverse);
        const centred = f32x4.sub(loadSome(dy + offset, left), meanDy);
        const gradient = f32x4.mul(scale, f32x4.sub(centred, f32x4.mul(normalised, meanDyX)));
        storeSome(dx + offset, gradient, left);
      }
    }
  }
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
