/**
 * A pooling window over each of N·C planes. Windows of max pooling may reach over the far edges if they begin
 * inside the plane (PyTorch's ceil mode); those of average pooling lie within plane and padding. Padding
 * counts as −∞ for max. For an average it is left out of the sum but counts in the divisor.
 */
export interface PoolShape {
  /** N·C. */
  planes: number;
  H: number;
  W: number;
  R: number;
  S: number;
  P: number;
  Q: number;
  stride: number;
  padding: number;
}
