/** Elementwise kernels. A Float32Array rounds what is stored in it, so the last operation needs no fround. */

const { fround } = Math;

export function relu(y: Float32Array, x: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = Math.max(x[i]!, 0);
}

export function reluBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void {
  for (let i = 0; i < dx.length; i++) dx[i] = y[i]! !== 0 ? dy[i]! : 0;
}

export function add(y: Float32Array, a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = a[i]! + b[i]!;
}

export function subtract(y: Float32Array, a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = a[i]! - b[i]!;
}

export function scale(y: Float32Array, x: Float32Array, factor: number): void {
  const by = fround(factor);
  for (let i = 0; i < y.length; i++) y[i] = x[i]! * by;
}

export function fill(y: Float32Array, value: number): void {
  y.fill(value);
}
