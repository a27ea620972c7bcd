/**
 * Mean and variance of each channel of N × C × size, in one of two ways with the same bits. Channel by
 * channel, the channel stays in the cache for its second pass. Plane by plane, each thread reads the images
 * that it has written itself.
 */
import { ChannelShape, channelSum } from "./channel";
import { orderedSum, SquaredDeviation, Value } from "./order";

function at(p: usize, c: i32): usize {
  return p + ((<usize>c) << 2);
}

/** Units: channels. */
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
  for (let c = begin; c < end; c++) {
    const mu = <f32>(channelSum<Value>(x, s, c, f32x4.splat(0)) / count);
    store<f32>(at(mean, c), mu);
    store<f32>(at(variance, c), <f32>(channelSum<SquaredDeviation>(x, s, c, f32x4.splat(mu)) / count));
  }
}

/**
 * The sum of each plane in binary64, or of its squared deviations if `mean` gives the channels' means. Units:
 * planes.
 */
export function planeSums(sums: usize, x: usize, mean: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  const zero = f32x4.splat(0);
  for (let unit = begin, c = begin % s.C; unit < end; unit++) {
    const plane = x + ((<usize>(unit * s.size)) << 2);
    const sum = mean
      ? orderedSum<SquaredDeviation>(plane, plane, s.size, v128.load32_splat(at(mean, c)), zero)
      : orderedSum<Value>(plane, plane, s.size, zero, zero);
    store<f64>(sums + ((<usize>unit) << 3), sum);
    if (++c === s.C) c = 0;
  }
}

/** The mean of each channel from the sums of its planes. Units: channels. */
export function channelMeans(means: usize, sums: usize, shape: usize, begin: i32, end: i32): void {
  const s = changetype<ChannelShape>(shape);
  for (let c = begin; c < end; c++) {
    let total: f64 = 0;
    for (let n = 0; n < s.N; n++) total += load<f64>(sums + ((<usize>(n * s.C + c)) << 3));
    store<f32>(at(means, c), <f32>(total / <f64>(s.N * s.size)));
  }
}
