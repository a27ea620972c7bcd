/**
 * `npm --prefix bench/peers ci && node bench/peers/run.mjs [--rounds N] [--only WORKLOAD,…] [--peers NAME,…] [--json]`
 *
 * Compares training steps of comet-ts with those of other engines. Their processes run in turns, so that
 * other load on the machine disturbs all of them equally. Peers with one thread are compared by CPU time,
 * those with two by wall time, each relative to comet-ts in the same round; medians are printed. PyTorch
 * takes part if a python3 can import it.
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
    peers: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});

/** The names of `known` in a comma-separated list; all of them if the list is empty. */
function chosen(list, known) {
  const asked = list === "" ? known : list.split(",");
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length === 0) return known.filter((name) => asked.includes(name));
  console.error(`no workload ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exit(2);
}

const taken = chosen(values.only, Object.keys(workloads));

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const importsTorch = (python) => spawnSync(python, ["-c", "import torch"]).status === 0;
// The python3 with PyTorch need not be the first one in the path.
const python = ["python3", "/usr/bin/python3"].find(importsTorch);
const node = (name, ...flags) => ({ command: process.execPath, script: file(name), flags });
const torch = (...flags) => ({ command: python, script: file("torch_step.py"), flags });

/** The least duration of a turn, so that steps are measured in a warm state. */
const turnMs = 300;
/** The duration of the warm-up before the first turn. */
const warmMs = 2000;
/** Peers by name. Each is compared with the first one that has the same number of threads. */
const peers = [
  { name: "comet-ts strict", threads: 1, ...node("ours.mjs", "strict", "1") },
  { name: "comet-ts fused", threads: 1, ...node("ours.mjs", "fused", "1") },
  { name: "tfjs-wasm + gradient", threads: 1, ...node("tfjs.mjs", "wasm") },
  { name: "tfjs-cpu", threads: 1, only: "lenet", ...node("tfjs.mjs", "cpu") },
  { name: "jax-js wasm", threads: 1, only: "lenet", ...node("jax.mjs") },
  { name: "PyTorch", threads: 1, ...torch("1") },
  { name: "comet-ts strict, 2 threads", threads: 2, ...node("ours.mjs", "strict", "2") },
  { name: "comet-ts fused, 2 threads", threads: 2, ...node("ours.mjs", "fused", "2") },
  { name: "PyTorch, 2 threads", threads: 2, ...torch("2") },
].filter(({ name, command }) => command && values.peers.split(",").some((part) => name.includes(part)));

/** Starts a peer. `ask(ms)` makes it run steps for that time and resolves to its answer. */
function start({ command, script, flags }, workload) {
  const child = spawn(command, [script, workload, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(ms) {
      child.stdin.write(`${ms}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`${script} ended early`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function compare(workload) {
  const taking = peers.filter(({ only }) => only === undefined || only === workload);
  const running = taking.map((peer) => ({ ...peer, ...start(peer, workload), answers: [] }));
  for (const { name, ask } of running) {
    // The warm-up lets the engines compile their hot code.
    const { loss } = await ask(warmMs);
    if (!(loss > 0 && loss < 20)) throw new Error(`${name} on ${workload}: loss ${loss}`);
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { ask, answers } of running) answers.push(await ask(turnMs));
  }
  return running.map(({ name, threads, answers, end }) => {
    end();
    const ours = running.find((peer) => peer.threads === threads);
    const clock = threads === 1 ? "cpu" : "wall";
    const one = running[0].answers;
    return {
      workload,
      peer: name,
      cpuMs: median(answers.map(({ cpu }) => cpu)),
      wallMs: median(answers.map(({ wall }) => wall)),
      residentMB: answers.at(-1).residentBytes / 1e6,
      timesOurs: median(answers.map((answer, i) => answer[clock] / ours.answers[i][clock])),
      /** The speed-up from more threads, in wall time. */
      gain: threads > 1 ? median(answers.map(({ wall }, i) => one[i].wall / wall)) : null,
    };
  });
}

const rows = [];
for (const workload of taken) {
  for (const row of await compare(workload)) {
    rows.push(row);
    if (values.json) continue;
    const { peer, cpuMs, wallMs, residentMB, timesOurs, gain } = row;
    const ms = (value) => value.toFixed(1).padStart(8);
    const last = gain === null ? "" : `, ${gain.toFixed(2)} × as fast as one thread of ours`;
    console.log(
      `${workload.padEnd(9)} ${peer.padEnd(26)} ${ms(cpuMs)} ms CPU ${ms(wallMs)} ms wall, ${residentMB.toFixed(0).padStart(5)} MB above idle  ${timesOurs.toFixed(2).padStart(7)} × ours${last}`,
    );
  }
}
if (values.json) console.log(JSON.stringify({ node: process.version, rows }, null, 1));
