/** jax-js on its wasm device: LeNet. An operation consumes its arrays; `.ref` keeps one for another use. */
import { init, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from "@jax-js/jax";
import { serve } from "./workloads.mjs";

await serve(async ({ batch, channels, size, classes }) => {
  await init("wasm");
  let seed = 0;
  const uniform = (shape, limit) =>
    random
      .uniform(random.key(seed++), shape)
      .mul(2 * limit)
      .sub(limit);
  const layer = (shape) => {
    const fanIn = shape.slice(1).reduce((a, b) => a * b);
    return { w: uniform(shape, 1 / Math.sqrt(fanIn)), b: np.zeros([shape[0]]) };
  };
  let weights = {
    conv1: layer([6, channels, 5, 5]),
    conv2: layer([16, 6, 5, 5]),
    fc1: layer([120, 400]),
    fc2: layer([84, 120]),
    fc3: layer([classes, 84]),
  };
  let momentum = tree.map((w) => np.zerosLike(w.ref), weights);

  const conv = ({ w, b }, x, pad) =>
    lax
      .convGeneralDilated(
        x,
        w,
        [1, 1],
        [
          [pad, pad],
          [pad, pad],
        ],
      )
      .add(b.reshape([1, -1, 1, 1]));
  const dense = ({ w, b }, x) => np.matmul(x, w.transpose()).add(b);
  const halve = (x) => {
    const [N, C, H, W] = x.shape;
    return x.reshape([N, C, H / 2, 2, W / 2, 2]).max([3, 5]);
  };
  const loss = (p, images, targets) => {
    let x = halve(nn.relu(conv(p.conv1, images, 2)));
    x = halve(nn.relu(conv(p.conv2, x, 0))).reshape([batch, 400]);
    x = dense(p.fc3, nn.relu(dense(p.fc2, nn.relu(dense(p.fc1, x)))));
    return nn
      .logSoftmax(x)
      .mul(targets)
      .sum()
      .mul(-1 / batch);
  };
  const gradient = jit(valueAndGrad(loss));
  const images = random.uniform(random.key(99), [batch, channels, size, size]);
  const labels = Array.from({ length: batch }, (_, i) => i % classes);
  const targets = nn.oneHot(np.array(labels, { dtype: np.int32 }), classes);
  return async () => {
    const [value, gradients] = gradient(tree.ref(weights), images.ref, targets.ref);
    momentum = tree.map((m, g) => m.mul(0.9).add(g), momentum, gradients);
    weights = tree.map((w, m) => w.sub(m.ref.mul(0.01)), weights, momentum);
    const [number] = await value.data();
    await Promise.all(tree.leaves(weights).map((w) => w.blockUntilReady()));
    return number;
  };
});
