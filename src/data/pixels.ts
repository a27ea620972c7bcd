/**
 * A split whose images all lie in memory as N×C×H×W bytes: Fashion-MNIST and CIFAR. The augmentation is the
 * usual one for small images: pad by 4, crop at random, mirror at random.
 */
import { DataError, ShapeError } from "../error.js";
import type { Rng } from "../rng.js";
import type { Split } from "./dataset.js";
import { type ChannelTable, channelTables, type Normalization } from "./normalize.js";

export interface Pixels {
  /** N×C×H×W bytes. */
  data: Uint8Array;
  /** N class numbers. */
  labels: Uint8Array;
  channels: number;
  height: number;
  width: number;
}

/** Checks that every label is below `classes`. The error names the first record whose label is not. */
export function checkLabels(where: string, labels: Uint8Array, classes: number): void {
  const record = labels.findIndex((label) => label >= classes);
  if (record >= 0) {
    throw new DataError({
      where,
      expected: `labels 0 to ${classes - 1}`,
      got: `label ${labels[record]} at record ${record}`,
      remedy: "fetch the file again, or open it as the data set to which it belongs",
    });
  }
}

/**
 * The position from which a training image is read: shifted by (dy, dx) within the padded image, and possibly
 * mirrored.
 */
interface View {
  dy: number;
  dx: number;
  mirror: boolean;
}

const asStored: View = { dy: 0, dx: 0, mirror: false };

/** With `pad` 0 and `mirror` false there is no augmentation. */
export interface Augmentation {
  pad: number;
  mirror: boolean;
}

export function pixelSplit(pixels: Pixels, normalization: Normalization, augmentation: Augmentation): Split {
  const tables = channelTables(normalization);
  const { channels, height, width } = pixels;
  const imageLength = channels * height * width;
  return {
    length: pixels.labels.length,
    batch(indices, images, labels, rng) {
      checkBatch(indices, images, labels, imageLength, pixels.labels.length);
      indices.forEach((index, n) => {
        const view = rng ? drawView(rng.fork(`image ${index}`), augmentation) : asStored;
        const from = pixels.data.subarray(index * imageLength, (index + 1) * imageLength);
        writeImage(
          from,
          images.subarray(n * imageLength, (n + 1) * imageLength),
          height,
          width,
          tables,
          view,
        );
        labels[n] = pixels.labels[index]!;
      });
    },
  };
}

/** Checks that the buffers hold exactly the batch, and that the indices name images of the split. */
export function checkBatch(
  indices: Uint32Array,
  images: Float32Array,
  labels: Float32Array,
  imageLength: number,
  splitLength: number,
): void {
  if (images.length !== indices.length * imageLength || labels.length !== indices.length) {
    throw new ShapeError({
      where: "batch",
      expected: `${indices.length * imageLength} image values and ${indices.length} labels`,
      got: `${images.length} and ${labels.length}`,
      remedy: "size the buffers as indices.length × channels × height × width and indices.length",
    });
  }
  const outside = indices.find((index) => index >= splitLength);
  if (outside !== undefined) {
    throw new ShapeError({
      where: "batch",
      expected: `indices below ${splitLength}`,
      got: `${outside}`,
      remedy: "draw the order from the length of the same split",
    });
  }
}

function drawView(rng: Rng, { pad, mirror }: Augmentation): View {
  return {
    dy: pad > 0 ? rng.integer(-pad, pad) : 0,
    dx: pad > 0 ? rng.integer(-pad, pad) : 0,
    mirror: mirror && rng.integer(0, 1) === 1,
  };
}

/**
 * out[c][y][x] = table[c][ image[c][y + dy][x' + dx] ] with x' = x, or W−1−x if mirrored. Padding is byte 0,
 * which is black before normalisation.
 */
function writeImage(
  from: Uint8Array,
  to: Float32Array,
  height: number,
  width: number,
  tables: ChannelTable[],
  { dy, dx, mirror }: View,
): void {
  const plane = height * width;
  tables.forEach(({ source, values }, c) => {
    for (let y = 0; y < height; y++) {
      const row = source * plane + (y + dy) * width;
      const rowInside = y + dy >= 0 && y + dy < height;
      const out = c * plane + y * width;
      for (let x = 0; x < width; x++) {
        const column = (mirror ? width - 1 - x : x) + dx;
        const inside = rowInside && column >= 0 && column < width;
        to[out + x] = values[inside ? from[row + column]! : 0]!;
      }
    }
  });
}
