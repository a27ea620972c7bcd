/** What encode and decode take beside input and output, as the operating system counts it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const values = 1 << 24;

/**
 * A process of its own that encodes and decodes 64 MiB; its memory at the most, less input and output. Small tensors first:
 * code and tables, and what a collector has not collected, belong to no call.
 */
const script = `
  import { decode, decodeInto, encode, encodeInto, frameCapacity } from "./dist/src/codec/index.js";
  const [way, options] = JSON.parse(process.argv[1]);
  const fill = (x) => {
    let h = 1;
    const bits = new Uint32Array(x.buffer);
    for (let i = 0; i < x.length; i++) {
      h = Math.imul(h, 1664525) + 1013904223;
      bits[i] = (h >>> 9) | 0x3f800000;
    }
    return x;
  };
  const small = fill(new Float32Array(1 << 18));
  for (let k = 0; k < 20; k++) decode(encode(small, options));
  const most = () => 1024 * process.resourceUsage().maxRSS;
  const x = fill(new Float32Array(${values}));
  const target = new Uint8Array(frameCapacity(x.length));
  let before = most();
  let output;
  if (way === "encode") output = encode(x, options).length;
  else if (way === "encodeInto") output = encodeInto(x, target, options).written;
  else {
    const bytes = encodeInto(x, target, options).written;
    before = most();
    const frame = target.subarray(0, bytes);
    if (way === "decode") output = 4 * decode(frame).length;
    else output = 0 * decodeInto(frame, x).written;
  }
  console.log(most() - before - output);
`;

function workingBytes(way: string, options: object): number {
  const root = new URL("../../../", import.meta.url);
  const args = ["--input-type=module", "-e", script, JSON.stringify([way, options])];
  return Number(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }));
}

test("beside input and output, encode and decode take a quarter of the tensor at most, whatever the ratio", (t) => {
  for (const [way, options] of [
    ["encode", { lossless: true }],
    ["encodeInto", { lossless: true }],
    ["decode", { lossless: true }],
    ["decodeInto", { lossless: true }],
    ["encode", { bound: 1e-6 }],
    ["encode", { bound: 0.01, quantizer: "paper", mode: "dense" }],
    ["decode", { bound: 0.01, quantizer: "paper", mode: "dense" }],
  ] as const) {
    const working = workingBytes(way, options);
    t.diagnostic(`${way} ${JSON.stringify(options)}: ${(working / (4 * values)).toFixed(3)} of the tensor`);
    assert.ok(working <= values, `${way} ${JSON.stringify(options)} takes ${working} bytes`);
  }
});
