/** The worker behind one store of the training bench: it trains, tells each step, and pauses where it is told to. */
import {
  createSession,
  type Dataset,
  hashWeights,
  type IdxFile,
  idxDataset,
  MemoryError,
  type PackEvent,
  type Session,
  type TrainRecord,
  train,
} from "../../../src/browser.js";
import { platform } from "../../../src/device/platform/browser.js";
import { type PackRecord, packRecord } from "../../../src/stores/pack-record.js";
import { stores } from "../../../src/stores/registry.js";
import { embeddedDataset } from "../embedded.js";
import { type ExportedRun, exportRun } from "./exported.js";
import { Gate } from "./gate.js";
import type { KeptTensor, Level, News, Order, OwnFiles, Start } from "./messages.js";

/** The images of each saved tensor that can be looked at. */
const imagesKept = 4;

const tell = (news: News) => postMessage(news);

/** What the orders after the start are about. */
let run: { gate: Gate; tensors: Map<string, KeptTensor>; exported: ExportedRun } | null = null;

function ownDataset(files: OwnFiles): Dataset {
  const file = (where: string): IdxFile => ({ where, bytes: files.get(where)! });
  const pair = (part: string) =>
    [file(`${part}-images-idx3-ubyte`), file(`${part}-labels-idx1-ubyte`)] as const;
  // The name and the classes are those that Node gives to a folder of such files.
  return idxDataset("data", [..."0123456789"], pair("train"), pair("t10k"));
}

async function start({ settings, base, version, own, steps }: Start): Promise<void> {
  const dataset = own ? ownDataset(own) : await embeddedDataset(base);
  const gate = new Gate(steps);
  const levels: Level[] = [];
  let session: Session | null = null;
  try {
    session = createSession(settings, dataset);
    const tensors = new Map<string, KeptTensor>();
    const records: TrainRecord[] = [];
    run = {
      gate,
      tensors,
      exported: { session, records, started: new Date(), version, own, status: "interrupted" },
    };
    const { engine, model } = session;
    let packs: PackRecord[] = [];
    const onPack = (event: PackEvent) => {
      const pack = packRecord(event);
      packs.push(pack);
      levels.push({ saved: engine.device.ledger.live.saved, total: engine.device.ledger.total });
      keep(event, pack, tensors);
    };
    const onRecord = (record: TrainRecord) => {
      records.push(record);
      tell({ kind: "record", record, packs: record.kind === "step" ? packs : [], levels });
      if (record.kind !== "step") return;
      packs = [];
      levels.length = 0;
    };
    const onCheckpoint = () => gate.pass(() => tell({ kind: "paused", weights: hashWeights(model) }));
    const outcome = await train(session, { onRecord, onPack, onCheckpoint, checkpointEvery: 1 });
    run.exported.status = "done";
    const { weights, testAccuracy } = outcome;
    tell({ kind: "end", weights, testAccuracy, threads: engine.kernels.threads });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    tell({ kind: "failure", message, outOfMemory: cause instanceof MemoryError, levels });
    await session?.close();
  }
}

/** Keeps some images of a saved tensor; the next step replaces them. */
function keep({ tensor }: PackEvent, { site, bound }: PackRecord, tensors: Map<string, KeptTensor>): void {
  if (!tensor) return;
  const [images = 1, ...image] = tensor.shape;
  const count = Math.min(images, imagesKept);
  const data = tensor.data.slice(0, (tensor.size / images) * count);
  tensors.set(site, { site, shape: [count, ...image], data, bound });
}

addEventListener("message", ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === "start") void start(order);
  else if (order.kind === "go") run?.gate.allow(order.steps);
  else if (order.kind === "tensor") tell({ kind: "tensor", tensor: run?.tensors.get(order.site) ?? null });
  else if (run) tell({ kind: "exported", ...exportRun(run.exported) });
});

tell({
  kind: "ready",
  stores: stores.map(({ name, help }) => ({ name, help })),
  cores: platform.cores,
});
