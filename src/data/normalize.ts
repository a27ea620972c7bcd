/**
 * Bytes to network inputs: x = (v/255 − mean) / std for each channel, as one table of 256 float32 a channel, so that
 * a pixel costs one look-up and every engine gets the same bits.
 */
export interface Normalization {
  /** Per channel, in the network's channel order; of values scaled to 0 … `range`. */
  mean: readonly number[];
  std: readonly number[];
  /** What byte 255 becomes before the mean is taken off: 1 in PyTorch's habit, 255 in Caffe's. */
  range: 1 | 255;
  /** The order in which the network wants red, green and blue; null for a single channel. */
  order: "rgb" | "bgr" | null;
}

/** What torchvision's ImageNet weights and the published CIFAR-10 ResNet-20 expect. */
export const imagenetNormalization: Normalization = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  range: 1,
  order: "rgb",
};

/** What networks trained in Caffe expect, among them the published SqueezeNet 1.0. */
export const caffeNormalization: Normalization = {
  mean: [104, 117, 123],
  std: [1, 1, 1],
  range: 255,
  order: "bgr",
};

export interface ChannelTable {
  /** Which channel of the stored image (0 red, 1 green, 2 blue) this channel of the network reads. */
  source: number;
  /** float32 value of each byte. */
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
