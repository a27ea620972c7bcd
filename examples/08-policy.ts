/** An own policy: the rule by which COMET's bounds follow from what is known of each site. */
import { createSession, law, openDataset, type Policy, train } from "comet-ts";

/** The law's bounds, and four times tighter ones for all that is not the input of a convolution. */
const cautious: Policy = {
  ...law,
  name: "cautious",
  assign: (sites) =>
    law.assign(sites).map((bounds, i) => {
      if (bounds === null || sites[i]!.site.op === "conv2d") return bounds;
      return { bound: bounds.bound / 4, gated: bounds.gated / 4 };
    }),
};

const dataset = await openDataset("fashion-mnist");
const bytes: number[] = [];
for (const policy of [law, cautious]) {
  const session = createSession({ model: "lenet", steps: 5, threads: 1 }, dataset, { policy });
  await train(session, {
    onStep({ step, packedBytes }) {
      if (step === 4) bytes.push(packedBytes);
    },
  });
  await session.close();
}
console.log(`tighter bounds take more bytes: ${bytes[1]! > bytes[0]!}`); // prints tighter bounds take more bytes: true
