/**
 * Applies an operation to an array, one vector at a time: 4 vectors per iteration, then single ones, then the
 * remaining lanes. The operation is a class with `of(x, z, u, w)`, where z is a second input if `pair()`
 * returns true, and u and w are constants.
 */
import { loadSome, storeSome } from "./vector";

/** y may be x or z. */
export function map<Op>(y: usize, x: usize, z: usize, count: i32, u: v128, w: v128): void {
  const op = changetype<Op>(0);
  const end = y + ((<usize>count) << 2);
  for (; y + 64 <= end; y += 64, x += 64, z += 64) {
    // All loads come first, because the stores may go to the same place.
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const x2 = v128.load(x, 32);
    const x3 = v128.load(x, 48);
    if (op.pair()) {
      v128.store(y, op.of(x0, v128.load(z), u, w));
      v128.store(y, op.of(x1, v128.load(z, 16), u, w), 16);
      v128.store(y, op.of(x2, v128.load(z, 32), u, w), 32);
      v128.store(y, op.of(x3, v128.load(z, 48), u, w), 48);
    } else {
      v128.store(y, op.of(x0, u, u, w));
      v128.store(y, op.of(x1, u, u, w), 16);
      v128.store(y, op.of(x2, u, u, w), 32);
      v128.store(y, op.of(x3, u, u, w), 48);
    }
  }
  for (; y < end; y += 16, x += 16, z += 16) {
    const left = <i32>((end - y) >> 2);
    const second = op.pair() ? loadSome(z, left) : u;
    storeSome(y, op.of(loadSome(x, left), second, u, w), left);
  }
}
