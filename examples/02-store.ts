/** A store of one's own: everything kept for backward passes through `pack`. This one only watches. */
import {
  createEngine,
  createModel,
  crossEntropy,
  nn,
  type Packed,
  PlainStore,
  type SaveRequest,
  Tensor,
} from "comet-ts";

class Watching extends PlainStore {
  override pack(tensor: Tensor, requests: readonly SaveRequest[] = []): Packed {
    const wanted = requests.map(({ site, need }) => `${site.name} (${need})`).join(", ");
    console.log(`[${tensor.shape}] for ${wanted}`);
    return super.pack(tensor);
  }
}

const engine = createEngine({ memory: "16MiB", threads: 1, store: new Watching() });
const model = createModel("lenet", nn.build(engine, 1), { channels: 1, height: 28, width: 28, classes: 10 });
const image = Tensor.from(engine, new Float32Array(28 * 28).fill(0.5), [1, 1, 28, 28]);
const loss = crossEntropy(model.forward(image), Tensor.from(engine, [7], [1]));
// prints [1,1,28,28] for conv1.x (value)
// prints [1,6,28,28] for relu1.y (support)
// prints [1,6,14,14] for conv2.x (value)
// prints [1,16,10,10] for relu2.y (support)
// prints [1,400] for fc1.x (value)
// prints [1,120] for relu3.y (support), fc2.x (value)
// prints [1,84] for relu4.y (support), fc3.x (value)
// prints [1,10] for crossEntropy.probabilities (exact)
// prints [1] for crossEntropy.labels (exact)
loss.dispose();
