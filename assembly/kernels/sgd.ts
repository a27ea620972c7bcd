/** One pass of stochastic gradient descent; what is computed stands in src/kernels/reference/sgd.ts. Units: elements, from a multiple of 4. */
import { loadSome, storeSome } from "./vector";

/** m null: no momentum. */
export function sgd(
  w: usize,
  g: usize,
  m: usize,
  lr: f32,
  momentum: f32,
  weightDecay: f32,
  nesterov: i32,
  begin: i32,
  end: i32,
): void {
  const rate = f32x4.splat(lr);
  const keep = f32x4.splat(momentum);
  const decay = f32x4.splat(weightDecay);
  for (let i = begin; i < end; i += 4) {
    const left = end - i;
    const offset = (<usize>i) << 2;
    const weight = loadSome(w + offset, left);
    const gradient = f32x4.add(loadSome(g + offset, left), f32x4.mul(decay, weight));
    let direction = gradient;
    if (m) {
      const velocity = f32x4.add(f32x4.mul(keep, loadSome(m + offset, left)), gradient);
      storeSome(m + offset, velocity, left);
      direction = nesterov ? f32x4.add(gradient, f32x4.mul(keep, velocity)) : velocity;
    }
    storeSome(w + offset, f32x4.sub(weight, f32x4.mul(rate, direction)), left);
  }
}
