/**
 * `npm run page [-- --port 8080]`: serves this repository's pages to a browser on this machine.
 *
 * The two Cross-Origin headers isolate a page, which is what browsers ask for before its workers may share a memory.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { served } from "./modules.js";

const root = new URL("../../../", import.meta.url);

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  wasm: "application/wasm",
};

/** What a page may load. */
const open = /^\/(?:build|dist|examples|node_modules|src\/data)\/[^?]*$/;

const example = "/examples/browser/index.html";

export interface PageServer {
  server: Server;
  /** Where it listens, with a slash at the end. */
  address: string;
}

export interface ServeOptions {
  /** 0: a free one. */
  port?: number;
  /** Whether pages may share memory with their workers. */
  isolated?: boolean;
  /** Pages and scripts by path, besides what is in the tree; `/` is the example if it is not among them. */
  pages?: Readonly<Record<string, string>>;
  /** Told what a page posts. */
  onPost?: (body: string) => void;
}

export async function serve(options: ServeOptions = {}): Promise<PageServer> {
  const { port = 0, isolated = true, pages = {}, onPost } = options;
  const server = createServer(async (request, response) => {
    response.setHeader("cache-control", "no-store");
    if (isolated) {
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.setHeader("cross-origin-embedder-policy", "require-corp");
    }
    if (request.method === "POST") {
      onPost?.(Buffer.concat(await request.toArray()).toString());
      return response.writeHead(204).end();
    }
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const extension = path === "/" ? "html" : path.slice(path.lastIndexOf(".") + 1);
    try {
      const body = pages[path] ?? read(path === "/" ? example : path);
      response.setHeader("content-type", types[extension] ?? "application/octet-stream");
      return response.end(extension === "js" ? served(body.toString()) : body);
    } catch (cause) {
      return response.writeHead(404).end(String(cause));
    }
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function read(path: string): Buffer {
  if (!open.test(path)) throw new Error(path);
  return readFileSync(new URL(`.${path}`, root));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
  const { address } = await serve({ port: Number(values.port) });
  console.log(`${address}  (Ctrl-C ends it)`);
}
