/** Runs a command in a process of its own, so that the resident memory that it reports is its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("./main.js", import.meta.url));

/**
 * Runs `comet ARGS --json` and returns what it prints; its progress goes to this process's stderr. Ctrl-C reaches both
 * processes: this one waits until the other has ended its step and written its files, and ends with its exit code.
 */
export function runApart<Result>(args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [main, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  const passOn = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGINT", wait).on("SIGTERM", passOn);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      process.off("SIGINT", wait).off("SIGTERM", passOn);
      if (code === 0) return resolve(JSON.parse(output) as Result);
      // The other process has already printed why it failed, or how to resume it.
      process.exit(code ?? 1);
    });
  });
}

/** The terminal sends Ctrl-C to the child as well. */
function wait(): void {}
