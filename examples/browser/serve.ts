/**
 * `npm run page [-- --port 8080]`: serves this repository's pages to a browser on this machine.
 *
 * The two Cross-Origin headers isolate a page, which is what browsers ask for before its workers may share a memory.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { served } from "./modules.js";

const root = new URL("../../../", import.meta.url);

const types: Readonly<Record<string, string>> = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

/** What a page may load. */
const open = /^\/(?:build|dist|examples|node_modules|src\/data)\//;

const example = "/examples/browser/index.html";

export interface PageServer {
  server: Server;
  /** Where it listens, with a slash at the end. */
  address: string;
}

/** A folder of files that are served as they are. */
export interface StaticSite {
  folder: string;
  /** The path of its index, with a slash at both ends. */
  at: string;
}

export interface ServeOptions {
  /** 0: a free one. */
  port?: number;
  /** Whether pages may share memory with their workers. */
  isolated?: boolean;
  /** Pages and scripts by path, besides what is in the tree; `/` is the example if it is not among them. */
  pages?: Readonly<Record<string, string>>;
  /** Takes the place of the tree and of the example. */
  site?: StaticSite;
  /** Told what a page posts; without it, nothing may be posted. */
  onPost?: (body: string) => void;
}

/** The longest message that a page posts is the text of a report's figures. */
const mostBodyBytes = 16 << 20;

/** An error of a request, with its HTTP status. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function serve(options: ServeOptions = {}): Promise<PageServer> {
  const { port = 0, isolated = true } = options;
  const server = createServer((request, response) => {
    response.setHeader("cache-control", "no-store");
    if (isolated) {
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.setHeader("cross-origin-embedder-policy", "require-corp");
    }
    answer(request, response, options).catch((cause) => {
      const status = cause instanceof Refusal ? cause.status : 500;
      if (response.headersSent) return response.destroy();
      if (status === 405) response.setHeader("allow", methods(options).join(", "));
      // The rest of a body is not read.
      response
        .writeHead(status, { "content-type": "text/plain", connection: "close" })
        .end(`${cause.message}\n`);
    });
  });
  // A malformed or endless request ends its own connection only.
  server.on("clientError", (_, socket) => socket.destroy());
  server.requestTimeout = 30_000;
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const methods = ({ onPost }: ServeOptions): string[] => ["GET", "HEAD", ...(onPost ? ["POST"] : [])];

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
): Promise<void> {
  const { pages = {}, site, onPost } = options;
  checkHost(request);
  if (!methods(options).includes(request.method!))
    throw new Refusal(405, `${request.method} is not for here`);
  if (request.method === "POST") {
    onPost!(await bodyOf(request));
    response.writeHead(204).end();
    return;
  }
  const path = pathOf(request.url!);
  const extension = path.endsWith("/") ? "html" : path.slice(path.lastIndexOf(".") + 1);
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  const file = page ?? (await (site ? readStatic(path, site) : read(path === "/" ? example : path)));
  const body = extension === "js" && !site ? served(file.toString()) : file;
  const type = Object.hasOwn(types, extension) ? types[extension]! : "application/octet-stream";
  response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Refuses requests under other host names, which pages of other sites could use to reach this server. */
function checkHost({ headers: { host }, socket }: IncomingMessage): void {
  const port = socket.localPort === 80 ? "" : `:${socket.localPort}`;
  const own = ["127.0.0.1", "localhost"].map((name) => name + port);
  if (!own.includes(host ?? "")) throw new Refusal(403, `expected ${own.join(" or ")} as host`);
}

/** The path in a request's target. The target may be any text. */
function pathOf(target: string): string {
  if (!target.startsWith("/")) throw new Refusal(400, "expected a path");
  try {
    // The target is not parsed as a URL, because "//" would begin a host name.
    return decodeURIComponent(target.replace(/[?#].*$/s, ""));
  } catch {
    throw new Refusal(400, "expected a path in UTF-8");
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBodyBytes) throw new Refusal(413, `expected at most ${mostBodyBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** ".." would leave the folder. */
const leaves = (path: string) => path.includes("\0") || path.split(/[/\\]/).includes("..");

async function readOr404(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch {
    throw new Refusal(404, "nothing here");
  }
}

/** Reads a file that a page may load. */
async function read(path: string): Promise<Buffer> {
  if (!open.test(path) || leaves(path)) throw new Refusal(404, "nothing here");
  return readOr404(fileURLToPath(new URL(".", root)) + path.slice(1));
}

async function readStatic(path: string, { folder, at }: StaticSite): Promise<Buffer> {
  if (!path.startsWith(at) || leaves(path)) throw new Refusal(404, "nothing here");
  return readOr404(join(folder, path.slice(at.length), path.endsWith("/") ? "index.html" : ""));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
  const { address } = await serve({ port: Number(values.port) });
  console.log(`${address}  (Ctrl-C ends it)`);
}
