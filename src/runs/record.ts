/** The shape of a line of metrics.jsonl. */

import { type Bytes, categories } from "../device/ledger.js";
import type { Holder, HolderSeries, OccupancyRecord } from "../device/occupancy.js";
import * as is from "../files/shape.js";
import type { ProbeRow } from "../stores/probe.js";
import type {
  AuditRecord,
  EpochRecord,
  MemoryRecord,
  PlanRecord,
  ProbeRecord,
  SampleRecord,
  SiteRecord,
  StepRecord,
  TrainRecord,
  TransferRecord,
} from "../training/records.js";

type Kind = TrainRecord["kind"];

const bytes = is.object<Bytes>(
  Object.fromEntries(categories.map((category) => [category, is.number])) as Record<
    keyof Bytes,
    is.Shape<number>
  >,
);

const held = { site: is.text, category: is.oneOf(...categories) };

const occupancy = is.object<OccupancyRecord>({
  ops: is.list(is.text),
  series: is.list(is.object<HolderSeries>({ ...held, bytes: is.list(is.count) })),
  peak: is.object<OccupancyRecord["peak"]>({
    moment: is.count,
    op: is.text,
    bytes: is.count,
    holders: is.list(is.object<Holder>({ ...held, bytes: is.count, blocks: is.count })),
  }),
});

const site = is.object<SiteRecord["sites"][number]>({
  name: is.text,
  bound: is.nullable(is.number),
  acceptedSigma: is.measured,
  nonZero: is.measured,
  rawBytes: is.number,
  packedBytes: is.number,
});

const probeRow = is.object<ProbeRow>({
  parameter: is.text,
  bound: is.measured,
  predicted: is.measured,
  own: is.measured,
  measured: is.measured,
  weights: is.count,
  draws: is.count,
  standardized: is.measurements,
});

const sample = is.object<SampleRecord>({
  kind: is.oneOf("sample"),
  step: is.count,
  site: is.text,
  bound: is.number,
  height: is.count,
  width: is.count,
  original: is.measurements,
  decoded: is.measurements,
});

const shapes: { [K in Kind]: is.Shape<Extract<TrainRecord, { kind: K }>> } = {
  step: is.object<StepRecord>(
    {
      kind: is.oneOf("step"),
      step: is.count,
      epoch: is.count,
      loss: is.number,
      accuracy: is.number,
      lr: is.number,
      ms: is.number,
      savedPeakBytes: is.number,
      devicePeakBytes: is.number,
      convRawBytes: is.number,
      convPackedBytes: is.number,
      audited: is.flag,
      rawBytes: is.number,
      packedBytes: is.number,
      noise: is.measured,
      lawNoise: is.measured,
    },
    ["noise", "lawNoise"],
  ),
  sites: is.object<SiteRecord>({ kind: is.oneOf("sites"), step: is.count, sites: is.list(site) }),
  plan: is.object<PlanRecord>({
    kind: is.oneOf("plan"),
    savedBytes: is.number,
    leastBytes: is.number,
    budgetBytes: is.number,
    noise: is.measured,
    lawNoise: is.measured,
  }),
  epoch: is.object<EpochRecord>({
    kind: is.oneOf("epoch"),
    epoch: is.count,
    testLoss: is.measured,
    testAccuracy: is.number,
    seconds: is.number,
    weights: is.text,
  }),
  memory: is.object<MemoryRecord>(
    { kind: is.oneOf("memory"), step: is.count, timeline: is.list(bytes), occupancy },
    ["occupancy"],
  ),
  probe: is.object<ProbeRecord>({ kind: is.oneOf("probe"), step: is.count, rows: is.list(probeRow) }),
  sample: {
    find(value) {
      const fault = sample.find(value);
      if (fault) return fault;
      const { height, width, original, decoded } = value as SampleRecord;
      const wrong = [original, decoded].find(({ length }) => length !== height * width);
      return wrong
        ? { place: "", expected: `${height}×${width} values before and after`, got: wrong.length }
        : null;
    },
  },
  audit: is.object<AuditRecord>(
    {
      kind: is.oneOf("audit"),
      step: is.count,
      frames: is.count,
      values: is.count,
      worst: is.measured,
      moved: is.count,
      unbounded: is.count,
      largest: is.measured,
    },
    ["unbounded", "largest"],
  ),
  transfers: is.object<TransferRecord>({
    kind: is.oneOf("transfers"),
    step: is.count,
    sentBytes: is.count,
    fetchedBytes: is.count,
    hostPeakBytes: is.count,
    late: is.count,
    copyMs: is.number,
    stallMs: is.number,
    computeMs: is.number,
    modelledMs: is.number,
  }),
};

export const recordShape: is.Shape<TrainRecord> = {
  find(value) {
    if (!is.isRecord(value)) return { place: "", expected: "an object", got: value };
    const { kind } = value;
    return typeof kind === "string" && Object.hasOwn(shapes, kind)
      ? shapes[kind as Kind].find(value)
      : { place: ".kind", expected: `one of ${Object.keys(shapes).join(", ")}`, got: kind };
  },
};
