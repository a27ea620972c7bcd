/**
 * TensorFlow.js on its wasm backend, which has no gradient of a convolution with respect to its weights: it is
 * supplied here, as a convolution of the images by the output's gradient with batch and channels exchanged.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
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

let made = 0;
const normal = (shape, deviation) => tf.variable(tf.randomNormal(shape, 0, deviation), true, `v${made++}`);
const constant = (shape, value) => tf.variable(tf.fill(shape, value), true, `v${made++}`);

function conv(inputs, outputs, window, stride, pad, biased) {
  const w = normal([window, window, inputs, outputs], Math.sqrt(2 / (window * window * inputs)));
  const b = biased ? constant([outputs], 0) : null;
  return (x) => {
    const y = tf.conv2d(x, w, stride, pad);
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

function lenet(classes) {
  const [c1, c2] = [conv(1, 6, 5, 1, "same", true), conv(6, 16, 5, 1, "valid", true)];
  const [f1, f2, f3] = [dense(400, 120), dense(120, 84), dense(84, classes)];
  const pool = (x) => tf.maxPool(x, 2, 2, "valid");
  return (x) => {
    const features = pool(tf.relu(c2(pool(tf.relu(c1(x))))));
    return f3(tf.relu(f2(tf.relu(f1(tf.reshape(features, [-1, 400]))))));
  };
}

/** The shortcut halves the plane and pads the channels with zeros, as in the paper's option A. */
function block(inputs, outputs, stride) {
  const [c1, n1] = [conv(inputs, outputs, 3, stride, "same", false), norm(outputs)];
  const [c2, n2] = [conv(outputs, outputs, 3, 1, "same", false), norm(outputs)];
  const shortcut = (x) => {
    if (stride === 1) return x;
    const halved = tf.avgPool(x, 1, stride, "valid");
    const more = (outputs - inputs) / 2;
    return tf.pad(halved, [
      [0, 0],
      [0, 0],
      [0, 0],
      [more, more],
    ]);
  };
  return (x) => tf.relu(tf.add(n2(c2(tf.relu(n1(c1(x))))), shortcut(x)));
}

function resnet20(classes) {
  const [first, normal1] = [conv(3, 16, 3, 1, "same", false), norm(16)];
  const blocks = [];
  for (const [from, to, stride] of [
    [16, 16, 1],
    [16, 32, 2],
    [32, 64, 2],
  ]) {
    blocks.push(block(from, to, stride), block(to, to, 1), block(to, to, 1));
  }
  const last = dense(64, classes);
  return (x) => {
    const features = blocks.reduce((y, next) => next(y), tf.relu(normal1(first(x))));
    return last(tf.mean(features, [1, 2]));
  };
}

await serve(async ({ batch, channels, size, classes }, name) => {
  wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"));
  await tf.setBackend("wasm");
  await tf.ready();
  if (tf.getBackend() !== "wasm") throw new Error(`TensorFlow.js fell back to ${tf.getBackend()}`);
  const model = name === "lenet" ? lenet(classes) : resnet20(classes);
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
