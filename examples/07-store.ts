/** An own store: keeps the upper half of each float32 (bfloat16) for the backward pass, in half of the memory. */
import * as comet from "comet-ts";
import { type Packed, Tensor } from "comet-ts";

const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length);

function halves({ engine, shape, data, size }: Tensor, site: string): Packed {
  const { device } = engine;
  const block = device.allocate(2 * size, "saved", site);
  const kept = () => new Uint16Array(device.buffer, block.address, size);
  kept().set(bitsOf(data).map((bits) => bits >>> 16));
  return {
    kind: "frame",
    bytes: 2 * size,
    images: shape[0] ?? 1,
    range(first, count) {
      const x = Tensor.empty(engine, [count, ...shape.slice(1)], site);
      const start = first * (x.size / count);
      bitsOf(x.data).set(Uint32Array.from(kept().subarray(start, start + x.size), (half) => half << 16));
      return x;
    },
    free: () => device.free(block),
  };
}

class HalfStore extends comet.Store {
  readonly name = "half";
  pack(x: Tensor, requests: readonly comet.SaveRequest[]): Packed {
    const exact = requests.some(({ need }) => need === "exact");
    return exact ? new comet.Raw(x.ref) : halves(x, requests[0]!.site.name);
  }
}

const dataset = await comet.openDataset("fashion-mnist");
const store = new HalfStore();
const session = comet.createSession({ model: "lenet", steps: 5, threads: 1 }, dataset, { store });
await comet.train(session, {
  onStep: ({ step, rawBytes, packedBytes }) => step === 4 && console.log((rawBytes / packedBytes).toFixed(2)),
}); // prints 2.00
await session.close();
