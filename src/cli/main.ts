#!/usr/bin/env node
/** The command line: `comet COMMAND`. Each command registers itself; errors become one line and exit code 1. */
import { Command } from "commander";
import { CometError } from "../error.js";
import { registerCompare } from "./compare/command.js";
import { registerCompress } from "./compress.js";
import { registerData } from "./data.js";
import { registerDemo } from "./demo.js";
import { registerEvaluate } from "./evaluate.js";
import { registerMaxBatch } from "./maxbatch.js";
import { registerMemory } from "./memory.js";
import { asOptions } from "./options.js";
import { registerReplay } from "./replay.js";
import { registerReport } from "./report.js";
import { registerTrain } from "./train.js";

const program = new Command("comet")
  .description("Train CNNs while every saved activation is stored under a proved error bound.")
  .showSuggestionAfterError()
  .showHelpAfterError("(add --help for the options)");

for (const register of [
  registerDemo,
  registerTrain,
  registerEvaluate,
  registerMemory,
  registerMaxBatch,
  registerCompare,
  registerReplay,
  registerReport,
  registerData,
  registerCompress,
]) {
  register(program);
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CometError)) throw error;
  process.stderr.write(`comet: ${error.name}: ${asOptions(error.message)}\n`);
  process.exitCode = 1;
}
