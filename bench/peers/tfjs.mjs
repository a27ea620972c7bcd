/**
 * TensorFlow.js. Arguments: workload, backend (wasm or cpu). Its wasm backend lacks the gradient of a
 * convolution with respect to its weights. This file supplies it, as a convolution of the images with the
 * output's gradient, with batch and channels exchanged.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { models } from "./tfjs-models.mjs";
import { serve } from "./workloads.mjs";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

tf.registerKernel({
  kernelName: "Conv2DBackpropFilter",
  backendName: "wasm",
  kernelFunc({ inputs, attrs }) {
    const tensor = (info) => tf.engine().makeTensorFromTensorInfo(info);
    const { strides, pad, dimRoundingMode, filterShape } = attrs;
    const shape = tf.backend_util.computeConv2DInfo(
      inputs.x.shape,
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const { top, bottom, left, right } = shape.padInfo;
    return tf.tidy(() => {
      const edges = [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ];
      const images = tf.transpose(tf.pad(tensor(inputs.x), edges), [3, 1, 2, 0]);
      const gradient = tf.transpose(tensor(inputs.dy), [1, 2, 0, 3]);
      const sums = tf.conv2d(images, gradient, 1, "valid", "NHWC", strides);
      const cut = tf.slice(sums, [0, 0, 0, 0], [-1, filterShape[0], filterShape[1], -1]);
      return tf.transpose(cut, [1, 2, 0, 3]);
    });
  },
});

const [, backend] = process.argv.slice(2);

await serve(async ({ batch, channels, size, classes }, name) => {
  wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"));
  await tf.setBackend(backend);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`TensorFlow.js fell back to ${tf.getBackend()}`);
  const model = models(tf)[name](classes);
  const images = tf.randomUniform([batch, size, size, channels]);
  const labels = tf.oneHot(
    Array.from({ length: batch }, (_, i) => i % classes),
    classes,
  );
  const optimizer = tf.train.momentum(0.01, 0.9);
  const loss = () => {
    const logits = model(images);
    return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), labels), 1)));
  };
  return () => tf.tidy(() => optimizer.minimize(loss, true).dataSync()[0]);
});
