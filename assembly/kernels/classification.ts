/** Softmax and cross-entropy; src/kernels/reference/classification.ts defines them. Units: rows. */
import { exp, log } from "./exponential";
import { orderedSum, Value } from "./order";
import { loadSome, storeSome } from "./vector";

function rowOf(x: usize, row: i32, classes: i32): usize {
  return x + ((<usize>(row * classes)) << 2);
}
function zero(): v128 {
  return f32x4.splat(0);
}

function rowMax(x: usize, classes: i32): f32 {
  let largest = f32x4.splat(-Infinity);
  let i = 0;
  for (; i + 4 <= classes; i += 4) largest = f32x4.max(largest, v128.load(x + ((<usize>i) << 2)));
  for (; i < classes; i++) largest = f32x4.max(largest, v128.load32_splat(x + ((<usize>i) << 2)));
  const two = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 2, 3, 2, 3));
  return max(f32x4.extract_lane(two, 0), f32x4.extract_lane(two, 1));
}

/** Writes the softmax of a row to y and returns Σ exp(x − largest). */
function softmaxRow(y: usize, x: usize, classes: i32, largest: f32): f32 {
  const most = f32x4.splat(largest);
  for (let i = 0; i < classes; i += 4) {
    const offset = (<usize>i) << 2;
    storeSome(y + offset, exp(f32x4.sub(loadSome(x + offset, classes - i), most)), classes - i);
  }
  const sum = <f32>orderedSum<Value>(y, y, classes, zero(), zero());
  const divisor = f32x4.splat(sum);
  for (let i = 0; i < classes; i += 4) {
    const p = y + ((<usize>i) << 2);
    storeSome(p, f32x4.div(loadSome(p, classes - i), divisor), classes - i);
  }
  return sum;
}

export function softmax(y: usize, x: usize, classes: i32, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const from = rowOf(x, row, classes);
    softmaxRow(rowOf(y, row, classes), from, classes, rowMax(from, classes));
  }
}

export function crossEntropy(
  loss: usize,
  probabilities: usize,
  x: usize,
  labels: usize,
  classes: i32,
  smoothing: f32,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const from = rowOf(x, row, classes);
    const label = <i32>load<f32>(labels + ((<usize>row) << 2));
    const largest = rowMax(from, classes);
    const sum = softmaxRow(rowOf(probabilities, row, classes), from, classes, largest);
    const hit = (<f32>1 - smoothing) * (load<f32>(from + ((<usize>label) << 2)) - largest);
    const total = <f32>orderedSum<Difference>(from, from, classes, f32x4.splat(largest), zero());
    const spread: f32 = smoothing === 0 ? 0 : smoothing * (total / <f32>classes);
    store<f32>(loss + ((<usize>row) << 2), log(sum) - hit - spread);
  }
}

/** x − u */
@unmanaged
class Difference {
  pair(): bool {
    return false;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.sub(x, u);
  }
}

export function crossEntropyBackward(
  dx: usize,
  probabilities: usize,
  labels: usize,
  classes: i32,
  smoothing: f32,
  factor: f32,
  begin: i32,
  end: i32,
): void {
  const off = smoothing / <f32>classes;
  const on = <f32>1 - smoothing + off;
  for (let row = begin; row < end; row++) {
    const label = <i32>load<f32>(labels + ((<usize>row) << 2));
    const from = rowOf(probabilities, row, classes);
    const to = rowOf(dx, row, classes);
    for (let i = 0; i < classes; i++) {
      const offset = (<usize>i) << 2;
      store<f32>(to + offset, (load<f32>(from + offset) - (i === label ? on : off)) * factor);
    }
  }
}
