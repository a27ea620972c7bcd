/**
 * One step of stochastic gradient descent; src/kernels/reference/sgd.ts defines it. Units: elements, from a
 * multiple of 4.
 */
import { map } from "./map";
import { loadSome, storeSome } from "./vector";

/**
 * x − u·(z + w·x): the step without momentum, for weights x, gradients z, learning rate u and weight decay w.
 */
@unmanaged
class Descend {
  pair(): bool {
    return true;
  }
  of(x: v128, z: v128, u: v128, w: v128): v128 {
    return f32x4.sub(x, f32x4.mul(u, f32x4.add(z, f32x4.mul(w, x))));
  }
}

/** m is null if there is no momentum. */
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
  let p = (<usize>begin) << 2;
  if (!m) {
    map<Descend>(w + p, w + p, g + p, end - begin, rate, decay);
    return;
  }
  const last = (<usize>end) << 2;
  for (; p + 16 <= last; p += 16) {
    const weight = v128.load(w + p);
    const gradient = f32x4.add(v128.load(g + p), f32x4.mul(decay, weight));
    const velocity = f32x4.add(f32x4.mul(keep, v128.load(m + p)), gradient);
    v128.store(m + p, velocity);
    v128.store(w + p, f32x4.sub(weight, f32x4.mul(rate, direction(gradient, velocity, keep, nesterov))));
  }
  if (p < last) {
    const left = end & 3;
    const weight = loadSome(w + p, left);
    const gradient = f32x4.add(loadSome(g + p, left), f32x4.mul(decay, weight));
    const velocity = f32x4.add(f32x4.mul(keep, loadSome(m + p, left)), gradient);
    storeSome(m + p, velocity, left);
    storeSome(w + p, f32x4.sub(weight, f32x4.mul(rate, direction(gradient, velocity, keep, nesterov))), left);
  }
}

function direction(gradient: v128, velocity: v128, keep: v128, nesterov: i32): v128 {
  return nesterov ? f32x4.add(gradient, f32x4.mul(keep, velocity)) : velocity;
}
