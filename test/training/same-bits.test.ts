/**
 * Ten steps of training give the same weights whatever computes them, here and in browsers, and the same as ever:
 * the hashes are in test/golden/training.json. A change that is meant to change a run's numbers writes them anew with
 * `COMET_GOLDEN=write node --test dist/test/training/same-bits.test.js` and says so.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fusedDevice } from "../laws/fused.js";
import { type Trained, trainTenSteps, type Way } from "../laws/training.js";
import { missing, visit } from "../repo/browser.js";

const file = new URL("../../../test/golden/training.json", import.meta.url);

/** SHA-256 of all weights and running statistics, by profile and store. */
type Golden = Record<"strict" | "fused", Record<Way["store"], string>>;
const golden = JSON.parse(readFileSync(file, "utf8")) as Golden;

const unfused = fusedDevice() ? false : "this machine does not fuse";

const profileOf = ({ build }: Way) => (build === "fused" ? "fused" : "strict");

if (process.env.COMET_GOLDEN === "write") {
  for (const store of ["plain", "comet"] as const) {
    for (const build of unfused ? (["release"] as const) : (["release", "fused"] as const)) {
      const way = { store, build, threads: 1 };
      golden[profileOf(way)][store] = (await trainTenSteps(way)).weights;
    }
  }
  writeFileSync(file, `${JSON.stringify(golden, null, 2)}\n`);
}

/** Each with both stores. */
const waysOf = (builds: readonly Way["build"][], threads: readonly number[]): Way[] =>
  (["plain", "comet"] as const).flatMap((store) =>
    builds.flatMap((build) => threads.map((count) => ({ store, build, threads: count }))),
  );

const nameOf = ({ store, build, threads }: Way) => `${store} store, ${build}, ${threads} threads`;

function same(way: Way, { weights, threads }: Trained): void {
  assert.equal(threads, way.threads, nameOf(way));
  assert.equal(weights, golden[profileOf(way)][way.store], nameOf(way));
}

for (const way of [
  ...waysOf(["reference"], [1]),
  ...waysOf(["debug"], [1, 2]),
  ...waysOf(["release"], [1, 2, 4]),
]) {
  test(`the golden weights: ${nameOf(way)}`, async () => same(way, await trainTenSteps(way)));
}

for (const way of waysOf(["fused"], [1, 2, 4])) {
  test(`the fused profile's golden weights: ${nameOf(way)}`, { skip: unfused }, async () =>
    same(way, await trainTenSteps(way)),
  );
}

test("stores and profiles do differ in their weights", () => {
  const all = Object.values(golden).flatMap((stores) => Object.values(stores));
  assert.equal(new Set(all).size, 4);
});

test("one bit of one kernel's results changes the weights", async () => {
  const way = { store: "plain", build: "release", threads: 1 } as const;
  const { weights } = await trainTenSteps(way, (kernels) => ({
    ...kernels,
    relu(y, x) {
      kernels.relu(y, x);
      new Uint8Array(y.buffer, y.byteOffset)[0]! ^= 1;
    },
  }));
  assert.notEqual(weights, golden.strict.plain);
});

interface Told {
  /** A text is the error that refused. */
  trained: (Trained | string)[];
  warnings: string[];
}

/** Trains in several ways, one after the other, where the module runs that contains it. */
const trainAll = (ways: readonly Way[]) => `
  import { trainTenSteps } from "/dist/test/laws/training.js";
  const warnings = [];
  console.warn = (message) => warnings.push(message);
  const trained = [];
  for (const way of ${JSON.stringify(ways)}) trained.push(await trainTenSteps(way).catch(String));
`;

/** A browser may be older than relaxed SIMD; then it refuses the fused profile, and nothing else. */
function allSame(ways: readonly Way[], trained: Told["trained"]): void {
  for (const [i, way] of ways.entries()) {
    const end = trained[i]!;
    if (typeof end !== "string") same(way, end);
    else assert.match(`${way.build}: ${end}`, /^fused: UsageError: profile fused.* got an engine without it/);
  }
}

/** In a worker of a page. */
const inWorker = (
  browser: Parameters<typeof visit>[0],
  ways: readonly Way[],
  isolated = true,
): Promise<Told> =>
  visit(
    browser,
    `const worker = new Worker("/trainer.js", { type: "module" });
     worker.onmessage = ({ data }) => tell(data);
     worker.onerror = ({ message = "a module is missing" }) => tell({ error: message });`,
    { isolated, pages: { "/trainer.js": `${trainAll(ways)} postMessage({ trained, warnings });` } },
  );

/** Both stores, both profiles where there are two, alone and with a second thread. */
const browserWays = waysOf(unfused ? ["release"] : ["release", "fused"], [1, 2]);

test("the golden weights in Chromium", { skip: missing("chromium") }, async () => {
  const { trained, warnings } = await inWorker("chromium", browserWays);
  allSame(browserWays, trained);
  assert.deepEqual(warnings, []);
});

test("the golden weights in Firefox, whose engine is not Node's", { skip: missing("firefox") }, async () => {
  const { trained, warnings } = await inWorker("firefox", browserWays);
  allSame(browserWays, trained);
  assert.deepEqual(warnings, []);
});

test("the golden weights on a page's own thread, which may not sleep", {
  skip: missing("chromium"),
}, async () => {
  const ways = waysOf(["release"], [2]);
  const { trained } = await visit<Told>("chromium", `${trainAll(ways)} tell({ trained, warnings });`);
  allSame(ways, trained);
});

test("a page that is not isolated trains on one thread, to the same weights, and says so once", {
  skip: missing("chromium"),
}, async () => {
  const { trained, warnings } = await inWorker("chromium", waysOf(["release"], [2]), false);
  allSame(waysOf(["release"], [1]), trained);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /one thread in place of 2: .*Cross-Origin-Opener-Policy/);
});
