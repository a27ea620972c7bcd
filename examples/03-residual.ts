/** A residual network with a `forward` of its own; its weights go to a file by PyTorch's names, and come back. */
import * as comet from "comet-ts";
import { nn, type Tensor } from "comet-ts";

class Block extends nn.Module {
  constructor(b: nn.Builder, channels: number) {
    super();
    this.child("conv", new nn.Conv2d(b, channels, channels, 3, { padding: 1, bias: false }));
    this.child("bn", new nn.BatchNorm2d(b, channels));
  }

  /** relu(bn(conv(x)) + x). An op consumes its operands, so the first use of x is `x.ref`. */
  forward(x: Tensor): Tensor {
    const { conv, bn } = this.children;
    const y = bn!.forward(conv!.forward(x.ref));
    return comet.relu(comet.add(y, x, `${this.path}.add`), `${this.path}.relu`);
  }
}

const network = (b: nn.Builder, { channels, classes }: comet.Input) =>
  new nn.Sequential({
    stem: new nn.Conv2d(b, channels, 8, 3, { padding: 1, stride: 2 }),
    blocks: new nn.Sequential([new Block(b, 8), new Block(b, 8)]),
    pool: new nn.AdaptiveAvgPool2d(1),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(b, 8, classes),
  });

const dataset = await comet.openDataset("fashion-mnist");
const session = comet.createSession({ batch: 32, steps: 20, lr: 0.05, threads: 1 }, dataset, { network });
const { testAccuracy } = await comet.train(session);
await comet.saveWeights(session.model, "residual.safetensors");
const names = Array.from(session.model.state(), ([name]) => name);
console.log(names.slice(2, 4).join(" ")); // prints blocks.0.conv.weight blocks.0.bn.weight

const other = comet.createSession({ seed: 2, threads: 1 }, dataset, { network });
await comet.loadWeights(other.model, "residual.safetensors");
const { accuracy } = await comet.evaluate(other, dataset.test);
console.log(`the same accuracy: ${accuracy === testAccuracy}`); // prints the same accuracy: true
await Promise.all([session.close(), other.close()]);
