/**
 * `npm run site [-- --serve] [--port 8080]`: builds the site into build/site, a folder of files that any static host can
 * serve at any address, and with --serve shows it on this machine.
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, type Plugin } from "vite";
import { libraries } from "../../src/report/libraries.js";
import { colours, figureStyle } from "../../src/report/style.js";
import { serve } from "../browser/serve.js";
import { reportLibraries } from "./compare/libraries.js";
import { documentOf } from "./layout.js";
import { pages } from "./pages.js";
import { writeSamples } from "./samples.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const source = join(root, "examples/site");

export const siteFolder = join(root, "build/site");

/** Wraps each page's file in what all pages share. */
const layout: Plugin = {
  name: "layout",
  transformIndexHtml: {
    order: "pre",
    handler: (html, { filename }) => documentOf(/([\w-]+)\.html$/.exec(filename)![1]!, html),
  },
};

/** The colours of a report, and the rules of its figures, which the site has too: src/report/style.ts. */
const reportStyle: Plugin = {
  name: "report style",
  enforce: "pre",
  resolveId: (id) => (/(?:^|\/)report-style\.css$/.test(id) ? join(source, "report-style.css") : null),
  load: (id) => (id === join(source, "report-style.css") ? colours + figureStyle : null),
};

/** The files below a folder, sorted, with / between the parts of a path. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();

/** Writes the service worker, which knows the site's files and a hash of their content. */
function writeServiceWorker(folder: string): void {
  const files = filesOf(folder).filter((file) => file !== "sw.js");
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
  const code = readFileSync(new URL("service-worker.js", import.meta.url), "utf8")
    .replace(/^export \{\};\n|^\/\/# sourceMappingURL=.*\n?/gm, "")
    .replace('"%FILES%"', JSON.stringify(files))
    .replace("%VERSION%", hash.digest("hex").slice(0, 16));
  writeFileSync(join(folder, "sw.js"), code);
}

/** Builds the site into a folder, which is emptied first. */
export async function buildSite(folder = siteFolder): Promise<void> {
  await build({
    configFile: false,
    root: source,
    base: "./",
    publicDir: false,
    logLevel: "warn",
    plugins: [layout, reportStyle],
    worker: { format: "es" },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // Plot is loaded after the first view.
      chunkSizeWarningLimit: 1000,
      rolldownOptions: {
        checks: { pluginTimings: false },
        input: pages.map(({ name }) => join(source, `${name}.html`)),
      },
    },
  });
  for (const [i, { licence, code }] of libraries().entries())
    writeFileSync(join(folder, "assets", reportLibraries[i]!), `/*\n${licence.trim()}\n*/\n${code}`);
  mkdirSync(join(folder, "data"));
  cpSync(join(root, "src/data/fashion-mnist"), join(folder, "data"), {
    recursive: true,
    filter: (file) => !file.endsWith(".ts"),
  });
  await writeSamples(join(folder, "data/samples.safetensors"));
  writeServiceWorker(folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { serve: { type: "boolean", default: false }, port: { type: "string", default: "8080" } },
  });
  await buildSite();
  console.log(`the site is in ${siteFolder}`);
  if (values.serve) {
    const { address } = await serve({ port: Number(values.port), site: { folder: siteFolder, at: "/" } });
    console.log(`${address}  (Ctrl-C ends it)`);
  }
}
