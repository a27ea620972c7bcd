/** comet-ts, plain store. Arguments: workload, profile (strict or fused), threads. */
import { createEngine } from "../../dist/src/engine/engine.js";
import { backward } from "../../dist/src/engine/tape.js";
import { Tensor } from "../../dist/src/engine/tensor.js";
import { createModel } from "../../dist/src/models/models.js";
import { build } from "../../dist/src/nn/index.js";
import { crossEntropy } from "../../dist/src/ops/loss.js";
import { Sgd } from "../../dist/src/training/optim.js";
import { serve } from "./workloads.mjs";

const [, profile, threads] = process.argv.slice(2);

await serve(async ({ batch, channels, size, classes }, name) => {
  const kernels = profile === "fused" ? "fused" : "release";
  const engine = createEngine({ memory: "2GiB", threads: Number(threads), build: kernels });
  // The workers start while this thread waits.
  while (engine.kernels.ready() < Number(threads)) await new Promise((done) => setTimeout(done, 5));
  const model = createModel(name, build(engine, 1), { channels, height: size, width: size, classes });
  const optimizer = new Sgd(engine, model.allParameters(), {
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    nesterov: false,
  });
  model.train(true);
  const pixels = Float32Array.from({ length: batch * channels * size * size }, Math.random);
  const labels = Float32Array.from({ length: batch }, (_, i) => i % classes);
  return () => {
    const images = Tensor.from(engine, pixels, [batch, channels, size, size], "images");
    const wanted = Tensor.from(engine, labels, [batch], "labels");
    const loss = crossEntropy(model.forward(images), wanted, { smoothing: 0 });
    const value = loss.data[0];
    backward(loss);
    optimizer.step(1);
    return value;
  };
});
