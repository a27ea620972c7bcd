/**
 * The site in real browsers. puppeteer-core drives the system's own Chromium and Firefox, through WebDriver BiDi where
 * there is nothing else; playwright drives only a Firefox that its authors have patched.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { type PageServer, type ServeOptions, serve } from "../../examples/browser/serve.js";
import { commandOf } from "../repo/browser.js";
import { builtSite } from "./built.js";

export type Name = "chromium" | "firefox";
export type Theme = "light" | "dark";

export const names: readonly Name[] = ["chromium", "firefox"];

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Where the system keeps a command. */
function pathOf(command: string): string {
  const folders = (process.env.PATH ?? "").split(":");
  const found = folders.map((folder) => `${folder}/${command}`).find((path) => readable(path));
  return found ?? command;
}

function readable(path: string): boolean {
  try {
    readFileSync(path).length;
    return true;
  } catch {
    return false;
  }
}

export function launch(name: Name, theme: Theme = "light"): Promise<Browser> {
  const executablePath = pathOf(commandOf(name)!);
  return name === "chromium"
    ? puppeteer.launch({
        executablePath,
        args: [
          "--no-sandbox",
          "--disable-gpu",
          `--blink-settings=preferredColorScheme=${theme === "dark" ? 0 : 1}`,
        ],
      })
    : puppeteer.launch({
        browser: "firefox",
        executablePath,
        extraPrefsFirefox: { "layout.css.prefers-color-scheme.content-override": theme === "dark" ? 0 : 1 },
      });
}

/** A page, and what a visitor must never see. */
export interface Visit {
  page: Page;
  /** Errors and warnings of the console, and errors that nobody caught. */
  complaints: string[];
  /** Addresses outside the site. */
  outside: string[];
}

/** Opens a page of the site in a window of a given width. */
export async function open(browser: Browser, address: string, path: string, width = 1440): Promise<Visit> {
  const page = await browser.newPage();
  // A busy machine is no fault of the site.
  page.setDefaultTimeout(150_000);
  await page.setViewport({ width, height: width < 600 ? 844 : 900 });
  const complaints: string[] = [];
  const outside: string[] = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(address))
      outside.push(request.url());
  });
  await page.goto(address + path, { waitUntil: "load" });
  return { page, complaints, outside };
}

interface Violation {
  id: string;
  help: string;
  nodes: { target: unknown; failureSummary?: string }[];
}

/** What axe finds on a page, as texts. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = (await page.evaluate(
    `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((r) => r.violations)`,
  )) as Violation[];
  return found.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => JSON.stringify(target)).join(" ")}`,
  );
}

/** Whether anything is wider than the window. */
export const overflows = (page: Page): Promise<boolean> =>
  page.evaluate(
    "document.documentElement.scrollWidth > document.documentElement.clientWidth",
  ) as Promise<boolean>;

/** Serves the built site. */
export async function served(
  options: Omit<ServeOptions, "site"> & { at?: string } = {},
): Promise<PageServer> {
  const { at = "/", ...rest } = options;
  const found = await serve({ ...rest, site: { folder: await builtSite(), at } });
  return { ...found, address: found.address + at.slice(1) };
}

export function close({ server }: PageServer): void {
  server.close();
  server.closeAllConnections();
}
