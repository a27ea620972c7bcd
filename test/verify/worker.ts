/** One thread of `npm run verify`: does the portions that it is sent. */
import { parentPort, workerData } from "node:worker_threads";
import { roundDown } from "../../src/codec/bound.js";
import { instantiate } from "../../src/codec/instantiate.js";
import { deriveSeed } from "../../src/rng.js";
import { sweepHalves } from "../laws/halves.js";
import { type Arena, arena, stillWorks, survivesMutation } from "../laws/hostile.js";
import { type Law, longLaws } from "../laws/long.js";
import { Sweep } from "../laws/sweep.js";
import { type Found, framesPortion, type Job, lawPortion, sweepPortion } from "./job.js";

const { seed } = workerData as { seed: number };

const memory = () => new WebAssembly.Memory({ initial: 32, maximum: 65536 });
let [sweep, decoder, laws]: [Sweep | null, Arena | null, Map<string, Law> | null] = [null, null, null];

function run(job: Job, portion: number): Found {
  const own = deriveSeed(seed, `${job.name}/${portion}`);
  if (job.kind === "sweep") {
    const [from, to] = [portion * sweepPortion, (portion + 1) * sweepPortion];
    const { quantizer, bound } = job;
    if (quantizer === "halves") return { kind: "sweep", finding: sweepHalves(from, to, roundDown(bound)) };
    if (sweep === null) {
      const values = memory();
      sweep = new Sweep(instantiate(values), values);
    }
    return { kind: "sweep", finding: sweep.run(from, to, { quantizer, bound }) };
  }
  if (job.kind === "frames") {
    if (decoder === null) {
      const frames = memory();
      decoder = arena(instantiate(frames), frames);
    }
    const tally = survivesMutation(decoder, framesPortion, own);
    stillWorks(decoder);
    return { kind: "frames", finding: { ...tally, rejected: Object.fromEntries(tally.rejected) } };
  }
  laws ??= longLaws();
  try {
    laws.get(job.name)!.run({ seed: own, numRuns: lawPortion });
    return { kind: "law", finding: { cases: lawPortion, failures: [] } };
  } catch (error) {
    return { kind: "law", finding: { cases: lawPortion, failures: [String(error)] } };
  }
}

parentPort!.on("message", ({ job, portion }: { job: Job; portion: number }) =>
  parentPort!.postMessage(run(job, portion)),
);
