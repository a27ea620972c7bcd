/**
 * Kernels per channel of N × C × size. Units are channels unless stated otherwise. A channel's sum adds the
 * sums of its planes in binary64.
 */
import { Sum } from "./elementwise";
import { map } from "./map";
import { orderedSum, Value } from "./order";

@unmanaged
export class ChannelShape {
  N: i32;
  C: i32;
  size: i32;
}

export function planeOf(s: ChannelShape, n: i32, c: i32): usize {
  return (<usize>((n * s.C + c) * s.size)) << 2;
}
function at(p: usize, c: i32): usize {
  return p + ((<usize>c) << 2);
}

export function channelSum<Term>(x: usize, s: ChannelShape, c: i32, u: v128): f64 {
  let total: f64 = 0;
  for (let n = 0; n < s.N; n++) {
    const plane = x + planeOf(s, n, c);
    total += orderedSum<Term>(plane, plane, s.size, u, u);
  }
  return total;
}

/** channelSum for planes of one value, as after a linear layer. */
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
      // The channels lie side by side.
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
    const sum = s.size === 1 ? columnSum(dy, s, c) : channelSum<Value>(dy, s, c, zero);
    store<f32>(at(db, c), <f32>sum);
  }
}

/** Units: N · C planes, so that a thread continues with planes that it has mostly written itself. */
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
