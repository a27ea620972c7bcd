/**
 * `npm --prefix bench/peers ci && node bench/peers/run.mjs [--rounds N] [--only WORKLOAD] [--json]`
 *
 * Training steps of comet-ts against other engines, one thread each, in processes that are asked in turn: whatever
 * else the machine does then disturbs all of them alike. Ratios are of CPU time within a round; medians are printed.
 * PyTorch takes part where python3 can import it.
 */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { workloads } from "./workloads.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const hasTorch = spawnSync("python3", ["-c", "import torch"]).status === 0;

/** Peers by name, with how many steps a round asks of each. */
const peers = [
  { name: "comet-ts strict", command: "node", args: [file("ours.mjs")], flags: [], steps: 3 },
  { name: "comet-ts fused", command: "node", args: [file("ours.mjs")], flags: ["fused"], steps: 3 },
  { name: "tfjs-wasm + gradient", command: "node", args: [file("tfjs.mjs")], flags: [], steps: 1 },
  ...(hasTorch
    ? [{ name: "PyTorch", command: "python3", args: [file("torch_step.py")], flags: [], steps: 3 }]
    : []),
];

/** Starts a peer; `ask(steps)` resolves to its answer. */
function start({ command, args, flags }, workload) {
  const child = spawn(command, [...args, workload, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(steps) {
      child.stdin.write(`${steps}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`${args[0]} ended early`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const rows = [];
for (const workload of Object.keys(workloads).filter((name) => name.includes(values.only))) {
  const running = peers.map((peer) => ({ ...peer, ...start(peer, workload), cpu: [], ratio: [] }));
  for (const peer of running) {
    const { loss } = await peer.ask(2);
    if (!(loss > 0 && loss < 10)) throw new Error(`${peer.name} on ${workload}: loss ${loss}`);
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const peer of running) peer.cpu.push((await peer.ask(peer.steps)).cpu);
    for (const peer of running) peer.ratio.push(peer.cpu.at(-1) / running[0].cpu.at(-1));
  }
  for (const { name, cpu, ratio, end } of running) {
    end();
    rows.push({ workload, peer: name, cpuMs: median(cpu), timesOurs: median(ratio) });
  }
}
if (values.json) console.log(JSON.stringify({ node: process.version, rows }, null, 1));
else {
  for (const { workload, peer, cpuMs, timesOurs } of rows) {
    console.log(
      `${workload.padEnd(10)} ${peer.padEnd(22)} ${cpuMs.toFixed(1).padStart(8)} ms a step  ${timesOurs.toFixed(2)} × ours`,
    );
  }
}
