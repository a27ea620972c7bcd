/** An own op, the squared ReLU y = max(x, 0)²: its derivative, what it saves, and what an error in that does. */
import * as comet from "comet-ts";
import { nn, type Tensor } from "comet-ts";

const { Conv2d, Flatten, Linear, Module, Sequential } = nn;
const squaredRelu: comet.Op<null> = {
  name: "squaredRelu",
  saves: { x: "value" },
  forward(run, [x]) {
    const y = run.empty(x!.shape);
    y.data.set(x!.data.map((value) => Math.max(value, 0) ** 2));
    return { y, saved: { x: x! } };
  },
  backward(run, dy) {
    const [x, delta] = [run.take("x"), dy.data];
    const dx = dy.recycle(run.site);
    dx.data.set(delta.map((d, i) => 2 * d * Math.max(x.data[i]!, 0)));
    x.dispose();
    return [dx];
  },
  // An error e in x puts ∇x off by 2·δ·e where x > 0. `errors` gets the factor of e.
  noise: comet.elementwiseNoise("x", (errors, x, delta) => {
    errors.set(delta.map((d, i) => (x[i]! > 0 ? 2 * d : 0)));
  }),
};
class SquaredRelu extends Module {
  forward = (x: Tensor): Tensor => comet.apply(squaredRelu, [x], null, this.path);
}

const network = (b: nn.Builder) =>
  new Sequential([new Conv2d(b, 1, 8, 3), new SquaredRelu(), new Flatten(), new Linear(b, 5408, 10)]);
const dataset = await comet.openDataset("fashion-mnist");
const session = comet.createSession({ batch: 32, steps: 11, lr: 0.01, threads: 1 }, dataset, { network });
const close = ({ predicted, measured }: comet.ProbeRow) =>
  predicted === null ? [] : [Math.abs(predicted / measured - 1) < 0.2];
const onRecord = (record: comet.TrainRecord) =>
  record.kind === "probe" && console.log(record.rows.flatMap(close));
// prints [ true, true ]
await comet.train(session, { probeAt: (step) => step === 10, onRecord });
await session.close();
