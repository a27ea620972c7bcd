/**
 * Converts bytes to network inputs: x = (v/255 − mean) / std per channel. Each channel has a table of 256
 * float32 values, so that a pixel costs one lookup and every engine gets the same bits.
 */
export interface Normalization {
  /** Per channel, in the network's channel order, for values scaled to 0 … `range`. */
  mean: readonly number[];
  std: readonly number[];
  /** The value of byte 255 before the mean is subtracted: 1 as in PyTorch, 255 as in Caffe. */
  range: 1 | 255;
  /** The network's order of red, green and blue; null for a single channel. */
  order: "rgb" | "bgr" | null;
}

/** The normalisation of torchvision's ImageNet weights and of the published CIFAR-10 ResNet-20. */
export const imagenetNormalization: Normalization = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  range: 1,
  order: "rgb",
};

/** The normalisation of networks trained in Caffe, among them the published SqueezeNet 1.0. */
export const caffeNormalization: Normalization = {
  mean: [104, 117, 123],
  std: [1, 1, 1],
  range: 255,
  order: "bgr",
};

export interface ChannelTable {
  /** The channel of the stored image (0 red, 1 green, 2 blue) that this channel of the network reads. */
  source: number;
  /** The float32 value of each byte. */
  values: Float32Array;
}

export function channelTables({ mean, std, range, order }: Normalization): ChannelTable[] {
  return mean.map((m, c) => ({
    source: order === "bgr" ? mean.length - 1 - c : c,
    values: Float32Array.from({ length: 256 }, (_, v) => {
      const scaled = range === 1 ? Math.fround(v / 255) : v;
      return Math.fround(Math.fround(scaled - Math.fround(m)) / Math.fround(std[c]!));
    }),
  }));
}
