/**
 * The networks in TensorFlow.js, built from its operations rather than its layers, which is the fastest way.
 */

/** By name: `models(tf).lenet(classes)` is a function from images (N × H × W × C) to logits. */
export function models(tf) {
  let made = 0;
  const variable = (value) => tf.variable(value, true, `v${made++}`);
  const normal = (shape, deviation) => variable(tf.randomNormal(shape, 0, deviation));
  const constant = (shape, value) => variable(tf.fill(shape, value));

  function conv(inputs, outputs, window, stride, pad, biased) {
    const w = normal([window, window, inputs, outputs], Math.sqrt(2 / (window * window * inputs)));
    const b = biased ? constant([outputs], 0) : null;
    return (x) => {
      const y = tf.conv2d(x, w, stride, pad, "NHWC", 1, "floor");
      return b ? tf.add(y, b) : y;
    };
  }

  function dense(inputs, outputs) {
    const w = normal([inputs, outputs], Math.sqrt(1 / inputs));
    const b = constant([outputs], 0);
    return (x) => tf.add(tf.matMul(x, w), b);
  }

  function norm(channels) {
    const [gamma, beta] = [constant([channels], 1), constant([channels], 0)];
    return (x) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm(x, mean, variance, beta, gamma, 1e-5);
    };
  }

  const relu = (x) => tf.relu(x);
  const pool =
    (window, stride, pad = 0) =>
    (x) =>
      tf.maxPool(x, window, stride, pad, "floor");
  const flatten = (x) => tf.reshape(x, [x.shape[0], -1]);
  const chain = (layers) => (x) => layers.reduce((y, layer) => layer(y), x);

  /** The shortcut halves the plane and pads the channels with zeros, as in the paper's option A. */
  function padded(inputs, outputs, stride) {
    if (stride === 1) return (x) => x;
    const [same, more] = [
      [0, 0],
      [(outputs - inputs) / 2, (outputs - inputs) / 2],
    ];
    return (x) => tf.pad(tf.avgPool(x, 1, stride, "valid"), [same, same, same, more]);
  }

  /** Option B: a convolution with 1 × 1 windows. */
  function projected(inputs, outputs, stride) {
    if (stride === 1) return (x) => x;
    return chain([conv(inputs, outputs, 1, stride, 0, false), norm(outputs)]);
  }

  function block(inputs, outputs, stride, shortcut) {
    const main = chain([
      conv(inputs, outputs, 3, stride, 1, false),
      norm(outputs),
      relu,
      conv(outputs, outputs, 3, 1, 1, false),
      norm(outputs),
    ]);
    const other = shortcut(inputs, outputs, stride);
    return (x) => tf.relu(tf.add(main(x), other(x)));
  }

  const stages = (widths, count, shortcut) =>
    widths.flatMap((width, i) =>
      Array.from({ length: count }, (_, j) => {
        const first = i > 0 && j === 0;
        return block(first ? widths[i - 1] : width, width, first ? 2 : 1, shortcut);
      }),
    );
  const pixels = (x) => tf.mean(x, [1, 2]);

  return {
    lenet: (classes) =>
      chain([
        ...[
          conv(1, 6, 5, 1, 2, true),
          relu,
          pool(2, 2),
          conv(6, 16, 5, 1, 0, true),
          relu,
          pool(2, 2),
          flatten,
        ],
        ...[dense(400, 120), relu, dense(120, 84), relu, dense(84, classes)],
      ]),
    resnet20: (classes) =>
      chain([
        ...[conv(3, 16, 3, 1, 1, false), norm(16), relu, ...stages([16, 32, 64], 3, padded)],
        ...[pixels, dense(64, classes)],
      ]),
    resnet18: (classes) =>
      chain([
        ...[conv(3, 64, 7, 2, 3, false), norm(64), relu, pool(3, 2, 1)],
        ...[...stages([64, 128, 256, 512], 2, projected), pixels, dense(512, classes)],
      ]),
    alexnet: (classes) =>
      chain([
        ...[conv(3, 64, 11, 4, 2, true), relu, pool(3, 2), conv(64, 192, 5, 1, 2, true), relu, pool(3, 2)],
        ...[conv(192, 384, 3, 1, 1, true), relu, conv(384, 256, 3, 1, 1, true), relu],
        ...[conv(256, 256, 3, 1, 1, true), relu, pool(3, 2), flatten],
        ...[(x) => tf.dropout(x, 0.5), dense(9216, 4096), relu],
        ...[(x) => tf.dropout(x, 0.5), dense(4096, 4096), relu, dense(4096, classes)],
      ]),
  };
}
