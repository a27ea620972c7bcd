/** Pages in headless browsers, and what they have to tell. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServeOptions, serve } from "../../examples/browser/serve.js";

/** Two engines of JavaScript and WebAssembly: Chromium's is Node's, Firefox's is its own. */
const browsers = {
  chromium: {
    commands: ["chromium", "chromium-browser", "google-chrome"],
    flags: (profile: string) => ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`],
  },
  firefox: {
    commands: ["firefox-esr", "firefox"],
    flags: (profile: string) => ["--headless", "--no-remote", "--profile", profile],
  },
} as const;

type Browser = keyof typeof browsers;

/** The name under which it is installed, if it is. */
export const commandOf = (browser: Browser): string | undefined =>
  browsers[browser].commands.find((name) => spawnSync(name, ["--version"]).status === 0);

/** Why tests in a browser are skipped, or false. */
export const missing = (browser: Browser): string | false =>
  commandOf(browser)
    ? false
    : `no ${browser} here: apt-get install ${browsers[browser].commands[0]} runs this test`;

/** A browser that says nothing for so long never will. */
const patienceMs = 120_000;

/** The page of a module; what it throws is told as well. */
const pageOf = (script: string) => `<!doctype html><meta charset="utf-8"><title>test</title><script>
const tell = (message) => fetch("/", { method: "POST", body: JSON.stringify(message) });
addEventListener("error", (event) => tell({ error: event.message }));
addEventListener("unhandledrejection", (event) => tell({ error: String(event.reason) }));
</script><script type="module" onerror="tell({ error: 'a module is missing' })">${script}</script>`;

/** A browser is many processes: a group of its own. */
function end(browser: ChildProcess): void {
  try {
    process.kill(-browser.pid!, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Runs a module in a page and returns the first thing that it tells by `tell(value)`. Throws what it throws. */
export async function visit<T>(browser: Browser, script: string, options: ServeOptions = {}): Promise<T> {
  let onPost = (_: string) => {};
  const told = new Promise<string>((resolve) => {
    onPost = resolve;
  });
  const pages = { ...options.pages, "/": pageOf(script) };
  const { server, address } = await serve({ ...options, pages, onPost });
  const profile = mkdtempSync(join(tmpdir(), "comet-browser-"));
  const flags = [...browsers[browser].flags(profile), address];
  const child = spawn(commandOf(browser)!, flags, { stdio: "ignore", detached: true });
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.once("close", () => onPost('{"error":"the browser has ended"}'));
  const impatience = setTimeout(() => onPost('{"error":"the page has told nothing"}'), patienceMs);
  try {
    const message = JSON.parse(await told) as T | { error: string };
    if (message instanceof Object && "error" in message) throw new Error(message.error);
    return message;
  } finally {
    clearTimeout(impatience);
    end(child);
    await ended;
    server.close();
    server.closeAllConnections();
    // Processes of the browser that have not noticed yet may still write there.
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }).catch(() => {});
  }
}
