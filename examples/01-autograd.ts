/** A tensor, two ops, a gradient. Tensors move: an op consumes its operands, and `.ref` makes a second one. */
import { add, backward, createEngine, crossEntropy, linear, type Parameter, Tensor } from "comet-ts";

const engine = createEngine({ memory: "16MiB", threads: 1 });
const weight: Parameter = {
  name: "w",
  value: Tensor.empty(engine, [2, 3], "w", "parameters"),
  gradient: null,
};
weight.value.data.set([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]);

const x = Tensor.from(engine, [1, 2, 3], [1, 3]);
const y = add(linear(x.ref, weight), linear(x, weight));
console.log(y.array.get(0, 0).toFixed(3), y.array.get(0, 1).toFixed(3)); // prints 2.800 2.000

backward(crossEntropy(y, Tensor.from(engine, [1], [1])));
console.log(Array.from(weight.gradient!.data, (g) => g.toFixed(3)).join(" ")); // prints 1.380 2.760 4.140 -1.380 -2.760 -4.140
