#!/usr/bin/env node
/** The command line: `comet COMMAND`. Each command registers itself; errors become one line and exit code 1. */
import { Command } from "commander";
import { CometError } from "../error.js";
import { registerCompare } from "./compare/command.js";
import { registerCompress } from "./compress.js";
import { registerData } from "./data.js";
import { registerDecompress } from "./decompress.js";
import { registerDemo } from "./demo.js";
import { registerEvaluate } from "./evaluate.js";
import { registerTask } from "./jobs/task.js";
import { inOneLine } from "./line.js";
import { registerMaxBatch } from "./maxbatch.js";
import { registerMemory } from "./memory.js";
import { asOptions } from "./options.js";
import { registerReplay } from "./replay.js";
import { registerReport } from "./report.js";
import { registerReproduce } from "./reproduce/command.js";
import { registerSweep } from "./sweep/command.js";
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
  registerDecompress,
  registerReproduce,
  registerSweep,
  registerTask,
]) {
  register(program);
}

// The process that reads a pipe may close it early.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") tell(error);
  process.exit(1);
});

try {
  await program.parseAsync();
} catch (error) {
  tell(error);
  process.exitCode = 1;
}

/** Prints an error in one line. With COMET_TRACE=1, an error of another class is printed with its stack. */
function tell(error: unknown): void {
  const known = error instanceof CometError;
  const text = known
    ? `${error.name}: ${asOptions(error.message)}`
    : `unexpected ${error}; COMET_TRACE=1 shows where`;
  process.stderr.write(`comet: ${inOneLine(text)}\n`);
  // The command that began this process may go on without its result, and then says why.
  process.send?.(inOneLine(text));
  if (!known && process.env.COMET_TRACE && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
