/**
 * The worker behind the page: trains on the embedded images and tells each step. Once it has told that it is ready (a
 * message that comes while it loads is lost), settings start a run, and "stop" ends it after the step under way.
 */
import {
  createSession,
  defaults,
  fashionClasses,
  type IdxFile,
  idxDataset,
  type Outcome,
  type Settings,
  type TrainRecord,
  train,
} from "../../src/browser.js";

export type Order = Partial<Settings> | "stop";

export type News =
  | { kind: "ready" }
  | { kind: "record"; record: TrainRecord }
  | { kind: "end"; outcome: Outcome; threads: number }
  | { kind: "failure"; message: string };

const folder = new URL("../../../src/data/fashion-mnist/", import.meta.url);

async function fetched(name: string): Promise<IdxFile> {
  const { body } = await fetch(new URL(`${name}.gz`, folder));
  const plain = new Response(body!.pipeThrough(new DecompressionStream("gzip")));
  return { where: name, bytes: new Uint8Array(await plain.arrayBuffer()) };
}

const pair = async (prefix: string) =>
  [await fetched(`${prefix}-images-idx3-ubyte`), await fetched(`${prefix}-labels-idx1-ubyte`)] as const;

const stop = new AbortController();
const tell = (news: News) => postMessage(news);

async function run(settings: Partial<Settings>): Promise<void> {
  const dataset = idxDataset("fashion-mnist", fashionClasses, await pair("train"), await pair("t10k"));
  const session = createSession({ ...defaults, ...settings }, dataset);
  const onRecord = (record: TrainRecord) => tell({ kind: "record", record });
  const outcome = await train(session, { onRecord, signal: stop.signal });
  tell({ kind: "end", outcome, threads: session.engine.kernels.threads });
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if (data === "stop") stop.abort();
  else run(data).catch((error) => tell({ kind: "failure", message: String(error) }));
});

tell({ kind: "ready" });
