/** Runs a command in a process of its own, so that the resident memory that it reports is its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("./main.js", import.meta.url));

/** How a process ended. */
export interface Attempt<Result> {
  /** What it printed; null if it printed nothing. */
  readonly result: Result | null;
  /** Why it failed; null if it did not. */
  readonly complaint: string | null;
  readonly exitCode: number;
}

/**
 * Runs `comet ARGS --json`; its progress and its complaints go to this process's stderr. Ctrl-C reaches both processes:
 * this one waits until the other has ended its step and written its files, and ends with its exit code.
 */
export function attemptApart<Result>(args: readonly string[]): Promise<Attempt<Result>> {
  const child = spawn(process.execPath, [main, ...args, "--json"], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  let stopped = false;
  // The terminal sends Ctrl-C to the child as well.
  const onInterrupt = () => {
    stopped = true;
  };
  const onTerminate = (signal: NodeJS.Signals) => {
    stopped = true;
    child.kill(signal);
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  let output = "";
  let complaint: string | null = null;
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.on("message", (text) => {
    complaint = String(text);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
      if (stopped || code === 130) return process.exit(code ?? 130);
      const result = output === "" ? null : (JSON.parse(output) as Result);
      if (code === 0) return resolve({ result, complaint: null, exitCode: 0 });
      const ended = signal
        ? `the system ended the process by ${signal}`
        : `the process ended with code ${code}`;
      resolve({ result, complaint: complaint ?? ended, exitCode: code ?? 1 });
    });
  });
}

/** The same where no failure is expected: this process ends with the exit code of the other. */
export async function runApart<Result>(args: readonly string[]): Promise<Result> {
  const { result, exitCode } = await attemptApart<Result>(args);
  // The other process has already printed why it failed.
  if (exitCode !== 0) process.exit(exitCode);
  return result!;
}
