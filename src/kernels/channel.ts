/** N images of C channels with `size` = H·W values each. */
export interface ChannelShape {
  N: number;
  C: number;
  size: number;
}
