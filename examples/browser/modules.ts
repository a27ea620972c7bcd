/**
 * Modules as a browser can load them, without a bundler. A browser knows addresses, not the names of packages, and no
 * CommonJS:
 *
 *   import { x } from "pure-rand/…"    →   import { x } from "/node_modules/pure-rand/lib/esm/….js"
 *   module.exports = require("y")      →   a module whose default export is module.exports
 */
import { readFileSync } from "node:fs";

const root = new URL("../../../", import.meta.url);

/** What package.json names for one condition each, nested; the first that holds counts. */
type Target = string | { [condition: string]: Target };

interface Package {
  main?: string;
  module?: string;
  /** Of the packages used here, each that has this names what it exports path by path, or has one module. */
  exports?: Record<string, Target>;
  imports?: Record<string, Target>;
}

const packageOf = (folder: string): Package =>
  JSON.parse(readFileSync(new URL(`.${folder}/package.json`, root), "utf8")) as Package;

const conditions: ReadonlySet<string> = new Set(["browser", "import", "default"]);

function choose(target: Target | undefined): string | undefined {
  if (typeof target !== "object") return target;
  const condition = Object.keys(target).find((name) => conditions.has(name));
  return condition === undefined ? undefined : choose(target[condition]);
}

/** The address of what a module calls `name`. */
export function resolve(name: string): string {
  if (name.startsWith(".") || name.startsWith("/")) return name;
  if (name.startsWith("#")) return choose(packageOf("").imports?.[name])!.slice(1);
  const [, folder, path] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name) as unknown as [string, string, string];
  const { exports = {}, module, main } = packageOf(`/node_modules/${folder}`);
  const file = choose("import" in exports ? exports : exports[`.${path}`]) ?? module ?? main ?? "index.js";
  return `/node_modules/${folder}/${file.replace(/^\.\//, "")}`;
}

/** The name in an import or export statement. */
const specifier = /^(import\s*|(?:import|export)\b[^"'();=]*\bfrom\s*)(["'])([^"'\n]+)\2/gm;

/** A module's text for the browser. */
export function served(text: string): string {
  if (/^\s*(?:import|export)\b/m.test(text))
    return text.replace(specifier, (_, before, quote, name) => before + quote + resolve(name) + quote);
  const names = [...new Set([...text.matchAll(/\brequire\((["'])(.+?)\1\)/g)].map((match) => match[2]!))];
  return [
    ...names.map((name, i) => `import m${i} from "${resolve(name)}";`),
    `const required = { ${names.map((name, i) => `"${name}": m${i}`)} };`,
    "const module = { exports: {} };",
    `((module, exports, require) => {${text}\n})(module, module.exports, (name) => required[name]);`,
    "export default module.exports;",
  ].join("\n");
}
